"""One cell of a lesson source, and the error that names its line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class LessonError(ValueError):
    """A mistake in a lesson source: `lessons/02_x.py, line 40: what is wrong, and what to do`."""

    def __init__(self, path: Path, line: int, message: str) -> None:
        super().__init__(f"{path.parent.name}/{path.name}, line {line}: {message}")


def read_source(path: Path) -> str:
    """The text of a Python source.

    Raises:
        LessonError: It is not UTF-8, or begins with a byte order mark.
    """
    content = path.read_bytes()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise LessonError(
            path, line, f"the byte {content[error.start]:#x} is not UTF-8: save the file as UTF-8"
        ) from error
    if text.startswith("\ufeff"):
        raise LessonError(path, 1, "begins with a byte order mark: save as UTF-8 without BOM")
    return text


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
