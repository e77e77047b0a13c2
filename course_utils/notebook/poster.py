"""The scoreboard drawn: as a small figure for a page, and so large that it can hang on a wall."""

import textwrap
from collections.abc import Iterator
from pathlib import Path

from matplotlib.axes import Axes

from course_utils.notebook.plots import tallies
from course_utils.notebook.plots.figures import Picture, panels
from course_utils.notebook.plots.style import GREY, INK, NOISY
from course_utils.notebook.scoreboard import FAILS, HOLDS, OPEN, Board, Place, Row

MARKS = {HOLDS: tallies.HOLDS, FAILS: tallies.FAILS, OPEN: tallies.OPEN}
SHEET = (33.1, 23.4)  # inches: A1, the long side across
COLUMNS = 5
LETTERS = 70  # letters of a claim in a line of its column
Line = tuple[str, str, str, str]  # kind (heading, claim, more, note, gap), mark, text, number


def draw(board: Board) -> Picture:
    """The board as a figure for a page: a row a lesson, a box a claim.

    A full box holds on this machine, a crossed one fails, an empty one was not measured here.
    """
    rows = {
        f"{row.lesson} · {row.title}": [MARKS[place.verdict] for place in row.places]
        for row in board.rows
    }
    return tallies.tally(
        rows,
        title=board.summary().partition(". To fill")[0],
        alt=". ".join(
            f"Lesson {row.lesson}: {row.count(HOLDS)} of {len(row.places)} claims hold here, "
            f"{row.count(FAILS)} fail, {row.count(OPEN)} are open"
            for row in board.rows
        ),
    )


def poster(board: Board) -> Picture:
    """The whole board on a sheet of A1: every claim with its mark, its number and its bound."""
    figure, (ax,) = panels(size=SHEET)
    figure.set_layout_engine("none")
    ax.set_position((0, 0, 1, 1))
    ax.set(xlim=(0, SHEET[0]), ylim=(SHEET[1], 0))
    ax.set_axis_off()
    ax.text(0.8, 1.25, "Two ways to generate: what was measured", size=46, weight="bold", color=INK)
    ax.text(0.8, 1.85, board.summary(), size=20, color=GREY)
    legend = "full: holds on this machine · crossed: fails · empty: not measured here, and the "
    ax.text(0.8, 2.25, f"{legend}number is that of the built notebook", size=14, color=GREY)
    _fill(ax, _balanced(board))
    figure.alt = repr(board)
    return figure


def save(board: Board, path: Path) -> Path:
    """Save the poster; the ending of the path (.pdf, .png, .svg) says as what.

    Raises:
        ValueError: the ending is another one.
    """
    if path.suffix not in (".pdf", ".png", ".svg"):
        raise ValueError(f"a poster is a .pdf, .png or .svg file; got {path.name!r}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    poster(board).savefig(path, dpi=100)
    return path


def _lines(row: Row) -> Iterator[Line]:
    """A lesson on the sheet, line by line."""
    yield "heading", "", f"{row.lesson} · {row.title}", row.when
    if row.problem:
        for part in textwrap.wrap(row.problem, LETTERS):
            yield "note", "", part, ""
    for place in row.places:
        yield from _claim_lines(place)
    yield "gap", "", "", ""


def _claim_lines(place: Place) -> Iterator[Line]:
    number = f"{place.number}  ({place.bound})"
    first, *rest = textwrap.wrap(place.text, LETTERS - len(number) + 8) or [""]
    yield "claim", MARKS[place.verdict], first, number
    for part in rest:
        yield "more", "", part, ""


def _balanced(board: Board) -> list[list[Line]]:
    """The lines in columns of about the same length; a heading stays with its first claims."""
    lessons = [list(_lines(row)) for row in board.rows]
    lines = [line for lesson in lessons for line in lesson]
    length = -(-len(lines) // COLUMNS)
    columns: list[list[Line]] = []
    while lines:
        cut = length
        while max(1, length - 4) < cut < len(lines) and _splits(lines, cut):
            cut -= 1
        columns.append(lines[:cut])
        lines = lines[cut:]
        while lines and lines[0][0] == "gap":
            lines = lines[1:]
    return columns


def _splits(lines: list[Line], cut: int) -> bool:
    """Whether a cut before this line would part a claim, or a heading from what it heads."""
    kinds = [line[0] for line in lines]
    return kinds[cut] == "more" or "heading" in kinds[max(0, cut - 2) : cut]


def _fill(ax: Axes, columns: list[list[Line]]) -> None:
    """Write the columns under the title, in letters as large as the longest allows."""
    width = (SHEET[0] - 1.6) / len(columns)
    pitch = min((SHEET[1] - 3.4) / max(map(len, columns)), 0.26)  # inches a line
    size = min(pitch * 72 / 1.5, (width - 0.7) * 72 / (LETTERS * 0.62))
    for k, lines in enumerate(columns):
        left, right = 0.8 + k * width, 0.8 + (k + 1) * width - 0.35
        for n, (kind, mark, text, number) in enumerate(lines):
            y = 3.0 + n * pitch
            if mark:
                tallies.draw_mark(ax, left, y - 0.35 * pitch, 0.55 * pitch, mark)
            bold = kind == "heading"
            ax.text(
                left + (0 if kind in ("heading", "note") else 0.85 * pitch),
                y,
                text,
                size=size * (1.25 if bold else 1),
                weight="bold" if bold else "normal",
                color=NOISY if kind == "note" else INK,
                va="center",
                parse_math=False,
            )
            ax.text(right, y, number, size=size, color=GREY, ha="right", va="center")
