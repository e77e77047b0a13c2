"""Marks in rows, one for each thing that was tried: what came out, and what is still open."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from course_utils.notebook.plots.figures import Picture, canvas
from course_utils.notebook.plots.style import GREY, INK, LIGHT, MODEL, NOISY, WIDE

# Told apart by form as well as by colour.
HOLDS, FAILS, OPEN = "holds", "fails", "open"


def tally(
    rows: Mapping[str, Sequence[str]],
    *,
    title: str = "",
    alt: str = "",
    size: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Picture:
    """Draw a row of marks for each name: full where it holds, crossed where it fails, else empty.

    Args:
        rows: name -> the marks of its row, each "holds", "fails" or "open".
        title: the finding.
        alt: the figure in words, for those who cannot see it.
        size: of a new figure; the default fits the number of rows.
        ax: axes to draw into.

    Raises:
        ValueError: no row, or a mark that is none of the three.
    """
    known = (HOLDS, FAILS, OPEN)
    odd = [mark for marks in rows.values() for mark in marks if mark not in known]
    if not rows or odd:
        got = repr(odd[0]) if odd else "no row"
        raise ValueError(f"tally needs rows of {', '.join(known)}; got {got}.")
    longest = max(map(len, rows.values()))
    figure, ax = canvas(ax, title, size or (WIDE[0], 0.6 + 0.26 * len(rows)), alt)
    for y, marks in enumerate(rows.values()):
        for x, mark in enumerate(marks):
            draw_mark(ax, x + 0.1, y - 0.4, 0.8, mark)
        ax.text(len(marks) + 0.3, y, str(len(marks)), va="center", fontsize=8, color=GREY)
    ax.set(xlim=(0, longest + 2), ylim=(len(rows) - 0.4, -0.6))
    ax.set_yticks(range(len(rows)), rows, color=INK)
    ax.set_xticks([])
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    return figure


def draw_mark(ax: Axes, x: float, y: float, side: float, mark: str, height: float = 0) -> None:
    """One mark, a box of this side (or of another height) whose corner is at (x, y)."""
    height = height or side
    color = {HOLDS: MODEL, FAILS: NOISY, OPEN: LIGHT}[mark]
    face = MODEL if mark == HOLDS else "none"
    ax.add_patch(Rectangle((x, y), side, height, facecolor=face, edgecolor=color, linewidth=1))
    if mark == FAILS:
        ax.plot([x, x + side], [y, y + height], color=color, linewidth=1.5)
        ax.plot([x, x + side], [y + height, y], color=color, linewidth=1.5)
