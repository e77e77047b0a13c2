"""How each exercise went on this machine: one file a lesson, .course/marks/NN.json.

Nothing is written before `begin`, which the first cell of a lesson calls: a check that a test or a
program runs leaves no mark. `python -m course_utils.progress` shows the marks of a room.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

PASSED, UNTOUCHED = "passed", "not attempted"

_home: Callable[[], Path] | None = None


@dataclass(frozen=True)
class Kept:
    """What is kept of an exercise. One that was passed once stays passed."""

    verdict: str  # "passed" or "not right yet"
    tries: int  # checks until it was passed, or until now
    when: str  # ISO 8601, in UTC, of the last of them


def begin(home: Callable[[], Path]) -> None:
    """From now on marks are kept in the folder that `home` returns."""
    global _home
    _home = home


def record(exercise_id: str, verdict: str) -> None:
    """Keep the verdict of a check; an untouched stub is no try.

    A full disk or a closed folder loses the mark and stops nobody.
    """
    if _home is None or verdict == UNTOUCHED:
        return
    lesson = exercise_id.partition(".")[0]
    with contextlib.suppress(OSError):
        folder = _home() / "marks"
        try:
            kept = load(lesson, folder)
        except ValueError:
            kept = {}  # a file that nobody can read is begun anew
        old = kept.get(exercise_id)
        if old and old.verdict == PASSED:
            return
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        kept[exercise_id] = Kept(verdict, old.tries + 1 if old else 1, now)
        folder.mkdir(exist_ok=True)
        draft = folder / f"{lesson}.json.{os.getpid()}"
        draft.write_text(json.dumps({k: asdict(v) for k, v in kept.items()}, indent=1), "utf-8")
        draft.replace(folder / f"{lesson}.json")


def load(lesson: str, folder: Path) -> dict[str, Kept]:
    """The marks of a lesson by exercise, such as "01.2"; none where no check was run.

    Args:
        lesson: two digits.
        folder: where the marks are.

    Raises:
        ValueError: the file is no record of marks.
        OSError: it cannot be read.
    """
    file = folder / f"{lesson}.json"
    if not file.is_file():
        return {}
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return {exercise: Kept(**kept) for exercise, kept in found.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{file.parent.name}/{file.name} is not a record of marks "
            f"({type(error).__name__}: {error}). Delete it; the next check begins it anew."
        ) from error
