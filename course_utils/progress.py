"""Who is where in a room: ``python -m course_utils.progress FOLDER...``.

Reads what lessons write to each learner's ``.course`` (claims at a lesson's end, marks at each
check) and prints a line a learner. There is no server, and nothing is written.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from course_utils import marks
from course_utils.notebook import recorded

HEAD = ("learner", "at", "lessons", "claims", "exercises", "trying", "last sign (UTC)")
STUCK = 3  # checks of one exercise without a pass


@dataclass(frozen=True)
class Learner:
    """What one folder tells. `problems` says what in it could not be read, or why nothing is."""

    name: str
    runs: tuple[recorded.Record, ...] = ()
    kept: tuple[tuple[str, marks.Kept], ...] = ()  # exercise, and how it went
    problems: tuple[str, ...] = ()

    @property
    def at(self) -> str:
        """The lesson of the last sign, or "" before the first."""
        signs = [(run.when, run.lesson) for run in self.runs]
        signs += [(kept.when, exercise[:2]) for exercise, kept in self.kept]
        return max(signs)[1] if signs else ""

    def row(self) -> tuple[str, ...]:
        """The cells of its line."""
        whens = [*(run.when for run in self.runs), *(kept.when for _, kept in self.kept)]
        claims = [claim["holds"] for run in self.runs for claim in run.claims]
        passed = sum(kept.verdict == marks.PASSED for _, kept in self.kept)
        trying = [
            f"{exercise} ({kept.tries}{'!' if kept.tries >= STUCK else ''})"
            for exercise, kept in self.kept
            if kept.verdict != marks.PASSED
        ]
        return (
            self.name,
            self.at or "-",
            " ".join(run.lesson for run in self.runs) or "-",
            f"{sum(claims)} of {len(claims)} hold" if claims else "-",
            f"{passed} passed" if self.kept else "-",
            " ".join(trying) or "-",
            max(whens)[:16].replace("T", " ") if whens else "-",
        )


def read(folder: Path) -> Learner:
    """What a learner's folder tells: the one with ``.course`` in it, or that folder itself.

    Nothing is raised for a folder that is missing, closed or damaged: `problems` says it.
    """
    folder = folder.expanduser()
    inside = any((folder / name).is_dir() for name in ("claims", "marks"))
    home = folder if folder.name == ".course" or inside else folder / ".course"
    own = folder.absolute()
    name = own.parent.name if own.name == ".course" else own.name
    try:
        if not folder.is_dir():
            return Learner(name, problems=(f"{folder} is no folder",))
        lessons = sorted(
            {path.stem for kind in ("claims", "marks") for path in _records(home / kind)}
        )
    except OSError as error:
        return Learner(name, problems=(f"{folder} cannot be read: {error.strerror or error}",))
    runs: list[recorded.Record] = []
    kept: list[tuple[str, marks.Kept]] = []
    problems: list[str] = []
    for lesson in lessons:
        try:
            run = recorded.load(lesson, home / "claims")
            runs += [run] if run else []
        except (ValueError, OSError) as error:
            problems.append(str(error))
        try:
            kept += sorted(marks.load(lesson, home / "marks").items())
        except (ValueError, OSError) as error:
            problems.append(str(error))
    if not lessons:
        problems.append(
            f"nothing in {home} yet: no lesson was run to its end there, and no exercise checked"
        )
    return Learner(name, tuple(runs), tuple(kept), tuple(problems))


def _records(folder: Path) -> Iterable[Path]:
    if not folder.is_dir():
        return []
    list(folder.iterdir())  # a closed folder would look empty to glob
    return folder.glob("[0-9][0-9].json")


def table(learners: Sequence[Learner]) -> str:
    """A line a learner, in the order of their lessons, then how many are at each lesson."""
    ordered = sorted(learners, key=lambda one: (one.at, one.name))
    rows = [HEAD, *(one.row() for one in ordered)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(HEAD))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    for one in ordered:
        lines += [f"note: {one.name}: {problem}" for problem in one.problems]
    at = Counter(one.at for one in learners)
    places = [f"{number} at {lesson}" for lesson, number in sorted(at.items()) if lesson]
    places += [f"{at['']} not begun"] if at[""] else []
    return "\n".join([*lines, f"{len(learners)} learners: {', '.join(places)}"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; the exit code is 1 when no folder tells anything."""
    parser = argparse.ArgumentParser(
        prog="python -m course_utils.progress",
        description="Show who of a room is where, from the folders of its learners.",
        epilog=f"'trying': exercises not passed yet, with their checks so far; ! from {STUCK} on.",
    )
    parser.add_argument(
        "folders", nargs="+", type=Path, metavar="FOLDER", help="a learner's copy of the course"
    )
    folders = parser.parse_args(arguments).folders
    learners = [read(folder) for folder in dict.fromkeys(folders)]
    print(table(learners))
    return int(not any(one.at for one in learners))


if __name__ == "__main__":
    sys.exit(main())
