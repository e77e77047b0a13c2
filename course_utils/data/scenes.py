"""Captions of coloured shapes, and what each of them asks for.

A caption says one thing and where it stands, "a small red circle at the top left", or two and how
they stand to each other, "a red circle left of a blue square". What is said can be read back from
the text, so a drawing can be right or wrong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product

SIZES = ("small", "large")
COLOURS = ("red", "green", "blue", "yellow")
SHAPES = ("circle", "square", "triangle")
PLACES = ("top left", "top right", "bottom left", "bottom right")
RELATIONS = ("left of", "right of", "above", "below")
OPPOSITE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}

_THING = f"({'|'.join(COLOURS)}) ({'|'.join(SHAPES)})"
_PLACED = re.compile(f"a ({'|'.join(SIZES)}) {_THING} at the ({'|'.join(PLACES)})")
_RELATED = re.compile(f"a {_THING} ({'|'.join(RELATIONS)}) a {_THING}")


@dataclass(frozen=True)
class Placed:
    """One thing and where it stands.

    Attributes:
        size: one of `SIZES`.
        colour: one of `COLOURS`.
        shape: one of `SHAPES`.
        place: one of `PLACES`.

    Raises:
        ValueError: a word is none of these.
    """

    size: str
    colour: str
    shape: str
    place: str

    def __post_init__(self) -> None:
        check_words(SIZES, self.size)
        check_words(COLOURS, self.colour)
        check_words(SHAPES, self.shape)
        check_words(PLACES, self.place)

    @property
    def caption(self) -> str:
        """The scene in words."""
        return f"a {self.size} {self.colour} {self.shape} at the {self.place}"

    @property
    def held_out(self) -> bool:
        """Whether no training may see it.

        Of each pair of a colour and a shape, one place is held out. So every word, and every pair
        of words, is seen together elsewhere: only all three are new.
        """
        numbers = COLOURS.index(self.colour), SHAPES.index(self.shape), PLACES.index(self.place)
        return sum(numbers) % len(PLACES) == 0


@dataclass(frozen=True)
class Related:
    """Two things of two colours, and how the first stands to the second.

    Attributes:
        first: its colour and shape.
        relation: one of `RELATIONS`.
        second: its colour and shape.

    Raises:
        ValueError: a word is none of these.
    """

    first: tuple[str, str]
    relation: str
    second: tuple[str, str]

    def __post_init__(self) -> None:
        check_words(RELATIONS, self.relation)
        for colour, shape in (self.first, self.second):
            check_words(COLOURS, colour)
            check_words(SHAPES, shape)

    @property
    def caption(self) -> str:
        """The scene in words."""
        return f"a {' '.join(self.first)} {self.relation} a {' '.join(self.second)}"

    @property
    def mirrored(self) -> Related:
        """The same words with the things in each other's place: another picture."""
        return Related(self.second, self.relation, self.first)

    @property
    def turned(self) -> Related:
        """The same picture, told from the other thing: "left of" becomes "right of"."""
        return Related(self.second, OPPOSITE[self.relation], self.first)

    @property
    def held_out(self) -> bool:
        """Whether no training may see it: 64 of 432, always together with its mirror.

        The four ways to stand of a pair of things are held out together, too: "left of" turned
        round is "right of", and would tell.
        """
        kinds = [COLOURS.index(colour) + 4 * SHAPES.index(shape) for colour, shape in self._pair]
        return (kinds[0] * 3 + kinds[1] + kinds[0] * kinds[1]) % 5 == 0

    @property
    def _pair(self) -> list[tuple[str, str]]:
        return sorted([self.first, self.second])


Scene = Placed | Related


def check_words(known: tuple[str, ...], word: str) -> None:
    """Raise ValueError unless the word is one of those that are known."""
    if word not in known:
        raise ValueError(f"expected one of {', '.join(known)}; got {word!r}.")


def placed_scenes() -> list[Placed]:
    """All 96 scenes of one thing."""
    return [Placed(*words) for words in product(SIZES, COLOURS, SHAPES, PLACES)]


def related_scenes() -> list[Related]:
    """All 432 scenes of two things of different colours."""
    things = list(product(COLOURS, SHAPES))
    return [
        Related(first, relation, second)
        for first, relation, second in product(things, RELATIONS, things)
        if first[0] != second[0]
    ]


def read_caption(text: str) -> Scene:
    """What a caption asks for; `scene.caption` undoes it.

    Raises:
        ValueError: the text is no caption of this language, or names two things of one colour.
    """
    if match := _PLACED.fullmatch(text):
        return Placed(*match.groups())
    if match := _RELATED.fullmatch(text):
        colour, shape, relation, other_colour, other_shape = match.groups()
        if colour != other_colour:
            return Related((colour, shape), relation, (other_colour, other_shape))
        raise ValueError(f"the two things must have different colours; got {text!r}.")
    raise ValueError(
        f"a caption is written like {placed_scenes()[0].caption!r} or "
        f"{related_scenes()[0].caption!r}; got {text!r}. The words: {', '.join(SIZES)}; "
        f"{', '.join(COLOURS)}; {', '.join(SHAPES)}; {', '.join(PLACES)}; {', '.join(RELATIONS)}."
    )
