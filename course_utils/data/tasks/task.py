"""What all tasks have in common: a question, one right answer, and a part to learn from or not."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

Part = Literal["train", "test"]

HELD_OUT = 8  # one task in so many is kept for tests
_SPACE_TO_DROP = re.compile(r" (?=[.,;:!?\n])|(?<=\n) ")


@dataclass(frozen=True)
class Task:
    """Something to ask, and the one right answer.

    Attributes:
        kind: such as "question" or "program".
        prompt: what a user says.
        answer: what is to be said.
    """

    kind: str
    prompt: str
    answer: str


def spaced(number: int) -> str:
    """A number with its digits apart, "3 4 7", so that each is a word of its own."""
    return " ".join(str(number))


def joined(words: str) -> str:
    """Words as `WordTokenizer.decode` writes them: no space before marks, around line breaks."""
    return _SPACE_TO_DROP.sub("", words)


def part_of(key: str) -> Part:
    """The part that a task belongs to, by a hash of what makes it: the same on every machine."""
    return "train" if zlib.crc32(key.encode()) % HELD_OUT else "test"


def check_part(part: str) -> None:
    """Raise ValueError unless this is one of the two parts."""
    if part not in ("train", "test"):
        raise ValueError(f'part must be "train" or "test"; got {part!r}.')


def drawn(draw: Callable[[], tuple[str, Task]], count: int, part: Part) -> Iterator[Task]:
    """The first `count` tasks of one part, from draws of (key, task).

    Raises:
        ValueError: the part has another name, the count is below 0, or the part seems to be empty.
    """
    check_part(part)
    if count < 0:
        raise ValueError(f"count must be at least 0; got {count}.")
    found, tries = 0, 0
    while found < count:
        key, task = draw()
        tries += 1
        if part_of(key) == part:
            found += 1
            yield task
        elif tries > 1000 * (found + 1):
            raise ValueError(f"these sizes leave nothing for the {part} part: ask for larger ones.")
