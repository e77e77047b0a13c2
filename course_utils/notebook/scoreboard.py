"""The scoreboard: every claim of every lesson, and what this machine found.

A lesson ends with ``claims.verdicts()``, which writes a record. The board lays these records over
the list of claims that comes with the course. That list is made from the built notebooks, whatever
has been run here: so a board can be shown at any time, an open place says what is missing, and a
record of an older lesson is noticed.
"""

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from course_utils import __version__
from course_utils.notebook import recorded
from course_utils.notebook.claims import Claim

BUILT = Path(__file__).with_name("scoreboard.json")
FILL = "make poster ARGS=--fill"  # runs the lessons whose places are open
OPEN, HOLDS, FAILS = "open", "✓ holds", "✗ FAILS"


@dataclass(frozen=True)
class Place:
    """A claim on the board."""

    text: str
    bound: str
    built: str  # the number in the built notebook
    here: str  # the number of this machine, "" while open
    verdict: str  # OPEN, HOLDS or FAILS

    @property
    def number(self) -> str:
        """What this machine found, or the built notebook where it found nothing yet."""
        return self.here or self.built


@dataclass(frozen=True)
class Row:
    """A lesson on the board."""

    lesson: str  # "03"
    title: str
    places: tuple[Place, ...]
    when: str = ""  # the day it was run here
    problem: str = ""  # why its places are open

    def count(self, verdict: str) -> int:
        """How many of its claims have this verdict."""
        return sum(place.verdict == verdict for place in self.places)


@dataclass(frozen=True)
class Board:
    """All lessons, in order. The last line of a cell shows it as a table."""

    rows: tuple[Row, ...]
    head = ("lesson", "claims", "hold here", "fail here", "run")

    def count(self, verdict: str | None = None) -> int:
        """How many claims have this verdict; without one, how many there are."""
        return sum(len(r.places) if verdict is None else r.count(verdict) for r in self.rows)

    def lesson(self, number: str) -> Row:
        """The row of a lesson.

        Raises:
            ValueError: there is no such lesson on the board.
        """
        for row in self.rows:
            if row.lesson == number:
                return row
        known = ", ".join(row.lesson for row in self.rows)
        raise ValueError(f"there is no lesson {number!r} on the board; it has {known}.")

    def require_complete(self) -> None:
        """Nothing, where every lesson was run here in this version.

        Raises:
            ValueError: a record is missing or of another version; the message says which and how
                to get it.
        """
        problems = [f"lesson {row.lesson}: {row.problem}" for row in self.rows if row.problem]
        if problems:
            raise ValueError(
                f"the board is not complete. {'; '.join(problems)}. "
                f"Run these lessons to their end, or all of them by `{FILL}`."
            )

    def cells(self) -> list[tuple[str, ...]]:
        """The table, a tuple of texts a lesson."""
        return [
            (
                f"{row.lesson} · {row.title}",
                str(len(row.places)),
                "" if row.problem else str(row.count(HOLDS)),
                "" if row.problem else str(row.count(FAILS)),
                row.problem or row.when,
            )
            for row in self.rows
        ]

    def summary(self) -> str:
        """One line: how many claims, how many were measured here, how many hold."""
        run, holds = self.count() - self.count(OPEN), self.count(HOLDS)
        line = (
            f"{self.count()} claims of {len(self.rows)} lessons; {run} measured here, {holds} hold"
        )
        return line if run == self.count() else f"{line}. To fill the open places: {FILL}"

    def _repr_html_(self) -> str:
        style = 'style="text-align:left; padding:0.3em 1.2em 0.3em 0"'

        def line(cells: Sequence[str], tag: str) -> str:
            return f"<tr>{''.join(f'<{tag} {style}>{html.escape(c)}</{tag}>' for c in cells)}</tr>"

        body = "".join(line(row, "td") for row in self.cells())
        return (
            f"<table><caption {style}>{html.escape(self.summary())}</caption>"
            f"<thead>{line(self.head, 'th')}</thead><tbody>{body}</tbody></table>"
        )

    def __repr__(self) -> str:
        lines = [self.head, *self.cells()]
        widths = [max(len(line[k]) for line in lines) for k in range(len(self.head))]
        table = [
            "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip()
            for line in lines
        ]
        return "\n".join([*table, self.summary()])


def gather(folder: Path | None = None, built: Path = BUILT) -> Board:
    """Lay the records of this machine over the claims that come with the course.

    Nothing is raised for a lesson that was not run: its places stay open. `Board.require_complete`
    raises.

    Args:
        folder: where the records are; if None, those of this machine's learner.
        built: the list of claims, made by ``make docs`` from the built notebooks.

    Raises:
        ValueError: the list of claims cannot be read.
    """
    try:
        lessons = json.loads(built.read_text(encoding="utf-8"))
        return Board(tuple(_row(number, lessons[number], folder) for number in sorted(lessons)))
    except (OSError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(
            f"the list of claims, {built.name}, cannot be read "
            f"({type(error).__name__}: {error}). `make docs` makes it anew."
        ) from error


def _row(number: str, lesson: dict, folder: Path | None) -> Row:
    listed = [tuple(claim) for claim in lesson["claims"]]  # (text, measured, bound)
    try:
        record = recorded.load(number, folder)
        problem = "not run yet" if record is None else _departs(record, listed)
    except ValueError as error:
        record, problem = None, str(error).rstrip(".")
    if problem or record is None:
        places = [Place(text, bound, number, "", OPEN) for text, number, bound in listed]
        return Row(number, lesson["title"], tuple(places), problem=problem)
    found = {}
    for claim in record.claims:
        text, here, _, verdict = _claim(claim).row()
        found[text] = here, verdict
    places = [Place(text, bound, built, *found[text]) for text, built, bound in listed]
    return Row(number, lesson["title"], tuple(places), when=record.when[:10])


def _claim(claim: dict) -> Claim:
    return Claim(claim["text"], claim["value"], claim["operator"], claim["bound"])


def _departs(record: recorded.Record, listed: Sequence[tuple[str, str, str]]) -> str:
    """How a record is not one of the lesson as it is now; "" when it is."""
    if record.versions.get("course_utils") != __version__:
        return f"run with version {record.versions.get('course_utils')} of the course"
    bounds = {text: bound for text, _, bound in listed}
    found = {text: bound for text, _, bound, _ in map(Claim.row, map(_claim, record.claims))}
    for text in bounds:
        if text not in found:
            return f'run in another version: it has no claim "{text}"'
    for text, bound in found.items():
        if text not in bounds:
            return f'run in another version: "{text}" is no claim of it now'
        if bounds[text] != bound:
            return f'run in another version: the bound of "{text}" was {bound}'
    return ""
