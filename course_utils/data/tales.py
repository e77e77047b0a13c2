"""Tales of four sentences about a coloured shape, and what each sentence would look like.

Only the first sentence says who it is about; the others say "it". So a picture of a later sentence
needs what came before, and who reads the sentence alone cannot draw it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch

from course_utils.data.scenes import (
    COLOURS,
    PLACES,
    RELATIONS,
    SHAPES,
    SIZES,
    Placed,
    Related,
    Scene,
)
from course_utils.data.wordings import pick

WOKE = ("woke up", "was born", "sat quietly")
MOVED = ("rolled", "wandered", "jumped")
MET = ("met", "found", "saw")
CHANGED = {"large": "grew", "small": "shrank"}
_THING = f"({'|'.join(COLOURS)}) ({'|'.join(SHAPES)})"
_AT = f"({'|'.join(PLACES)})"
_SENTENCES = (
    re.compile(f"a ({'|'.join(SIZES)}) {_THING} (?:{'|'.join(WOKE)}) at the {_AT} ."),
    re.compile(f"it (?:{'|'.join(MOVED)}) to the {_AT} ."),
    re.compile(f"there it (?:{'|'.join(MET)}) a {_THING} and stayed ({'|'.join(RELATIONS)}) it ."),
    re.compile(f"then it ({'|'.join(CHANGED.values())}) and slept at the {_AT} ."),
)


def tell(generator: torch.Generator) -> list[tuple[str, Scene]]:
    """A tale: four sentences, each with the scene that it describes."""
    size, colour, shape = pick(SIZES, generator), pick(COLOURS, generator), pick(SHAPES, generator)
    first, second, last = (pick(PLACES, generator) for _ in range(3))
    other = pick([name for name in COLOURS if name != colour], generator), pick(SHAPES, generator)
    relation = pick(RELATIONS, generator)
    new_size = "small" if size == "large" else "large"
    return [
        (
            f"a {size} {colour} {shape} {pick(WOKE, generator)} at the {first} .",
            Placed(size, colour, shape, first),
        ),
        (
            f"it {pick(MOVED, generator)} to the {second} .",
            Placed(size, colour, shape, second),
        ),
        (
            f"there it {pick(MET, generator)} a {' '.join(other)} and stayed {relation} it .",
            Related((colour, shape), relation, other),
        ),
        (
            f"then it {CHANGED[new_size]} and slept at the {last} .",
            Placed(new_size, colour, shape, last),
        ),
    ]


def read_tale(sentences: Sequence[str]) -> list[Scene | None]:
    """What each sentence of a tale, a list of them, shows; read by rule and not by a model.

    None for a sentence that no tale has at its place, for one that contradicts those before (what
    is large cannot grow, two things of one colour cannot meet), and for all others if the first,
    which says who it is about, is none.

    Raises:
        ValueError: it is one text instead of a list.
    """
    if isinstance(sentences, str):
        raise ValueError("expected a list of sentences; got one text. Split it at its full stops.")
    found = [rule.fullmatch(text) for rule, text in zip(_SENTENCES, sentences, strict=False)]
    if not found or found[0] is None:
        return [None] * len(sentences)
    size, colour, shape, place = found[0].groups()
    scenes: list[Scene | None] = [Placed(size, colour, shape, place)]
    for number, match in enumerate(found[1:], start=1):
        scenes.append(_later(number, match, size, colour, shape))
    return scenes + [None] * (len(sentences) - len(scenes))


def _later(
    number: int, match: re.Match[str] | None, size: str, colour: str, shape: str
) -> Scene | None:
    """The scene of a sentence after the first."""
    if match is None:
        return None
    if number == 1:
        return Placed(size, colour, shape, match[1])
    if number == 2:
        other, kind, relation = match.groups()
        return None if other == colour else Related((colour, shape), relation, (other, kind))
    new_size = next(name for name, verb in CHANGED.items() if verb == match[1])
    return None if new_size == size else Placed(new_size, colour, shape, match[2])
