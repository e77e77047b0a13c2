"""Sentences to be changed as an instruction says: each has one right answer."""

from __future__ import annotations

import random

from course_utils.data.tasks.task import Part, Task, drawn

ADJECTIVES = ("red", "blue", "green", "white", "small", "large", "heavy", "light", "round", "wet")
THINGS = ("ball", "book", "cup", "hat", "lamp", "coat", "box", "table", "chair", "bag", "plate")
VERBS = ("lies", "stands", "waits", "stays")
PLACES = ("under", "behind", "near", "beside")


def sentence(source: random.Random) -> list[str]:
    """The words of a sentence about two things: no word but "the" comes twice."""
    first, second = source.sample(ADJECTIVES, 2)
    one, other = source.sample(THINGS, 2)
    verb, place = source.choice(VERBS), source.choice(PLACES)
    return ["the", first, one, verb, place, "the", second, other]


def edits(count: int, *, part: Part = "train", seed: int = 0) -> list[Task]:
    """Draw edits: replace a word, remove one, or put "very" before one.

    "replace red by blue: the red ball lies under the old table." A sentence belongs to one part,
    whatever is done to it.

    Args:
        count: how many.
        part: "train" or "test".
        seed: of the draws.

    Raises:
        ValueError: an argument is out of its range.
    """
    source = random.Random(seed)

    def draw() -> tuple[str, Task]:
        words = sentence(source)
        place = source.choice((1, 6))
        old, before, after = words[place], words[:place], words[place + 1 :]
        kind = source.choice(("replace", "remove", "put very before"))
        new, said = (
            {
                "replace": [source.choice([w for w in ADJECTIVES if w not in words])],
                "remove": [],
                "put very before": ["very", old],
            }[kind],
            f"{kind} {old}",
        )
        if kind == "replace":
            said += f" by {new[0]}"
        text = " ".join(words)
        answer = " ".join([*before, *new, *after]) + "."
        return text, Task("edit", f"{said}: {text}.", answer)

    return list(drawn(draw, count, part))
