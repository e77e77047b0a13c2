"""Sentences to be changed as an instruction says: each has one right answer."""

from __future__ import annotations

import random

from course_utils.data.tasks.task import Part, Task, drawn, part_of

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


def same_part(words: list[str], place: int) -> list[str]:
    """Adjectives that may stand at a place, if the new sentence is to stay in its part.

    Otherwise an answer to learn from could be a sentence of the tests.
    """
    part = part_of(" ".join(words))
    others = [word for word in ADJECTIVES if word not in words]
    return [
        w for w in others if part_of(" ".join([*words[:place], w, *words[place + 1 :]])) == part
    ]


def edits(count: int, *, part: Part = "train", seed: int = 0) -> list[Task]:
    """Draw edits: replace a word, remove one, or put "very" before one.

    "replace red by blue: the red ball lies under the old table." A sentence belongs to one part,
    whatever is done to it, and what it is changed into belongs to the same.

    Args:
        count: how many.
        part: "train" or "test".
        seed: of the draws.

    Raises:
        ValueError: an argument is out of its range.
    """
    source = random.Random(seed)

    def draw() -> tuple[str, Task]:
        kind, place = source.choice(("replace", "remove", "put very before")), source.choice((1, 6))
        words = sentence(source)
        if kind == "replace":
            new = same_part(words, place)
            if not new:
                return draw()
            changed = [source.choice(new)]
            said = f"replace {words[place]} by {changed[0]}"
        else:
            changed = [] if kind == "remove" else ["very", words[place]]
            said = f"{kind} {words[place]}"
        text = " ".join(words)
        answer = " ".join([*words[:place], *changed, *words[place + 1 :]]) + "."
        return text, Task("edit", f"{said}: {text}.", answer)

    return list(drawn(draw, count, part))
