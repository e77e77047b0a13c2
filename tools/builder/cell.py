"""One cell of a lesson source, and the error that names its line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class LessonError(ValueError):
    """A mistake in a lesson source: `lessons/02_x.py, line 40: what is wrong, and what to do`."""

    def __init__(self, path: Path, line: int, message: str) -> None:
        super().__init__(f"{path.parent.name}/{path.name}, line {line}: {message}")


@dataclass(frozen=True)
class Cell:
    """One cell of a source: its kind ("code" or "markdown"), text, metadata and first line number.

    `exercise` is the number of the exercise ("01.2") that the cell poses or checks, or "".
    """

    kind: str
    source: str
    metadata: dict
    line: int
    exercise: str = ""

    @property
    def tags(self) -> list[str]:
        """The cell's tags, in the order of the source."""
        return self.metadata.get("tags", [])
