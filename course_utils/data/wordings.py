"""Free wordings of what a caption asks for, and requests that no caption fits.

"Could you paint me something round and crimson, up in the left corner?" means "a large red circle
at the top left". Which sentences and which pairs of synonyms may be trained on is fixed here, so
that a parser can be tried on wordings that are new by construction.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

import torch

from course_utils.data.scenes import COLOURS, SHAPES, Placed, Scene

Item = TypeVar("Item")

COLOUR_WORDS = {
    "red": ("red", "crimson", "scarlet"),
    "green": ("green", "emerald", "lime"),
    "blue": ("blue", "navy", "azure"),
    "yellow": ("yellow", "golden", "lemon"),
}
SHAPE_WORDS = {
    "circle": ("circle", "disc", "ball", "round"),
    "square": ("square", "box", "block", "boxy"),
    "triangle": ("triangle", "pyramid", "wedge", "pointed"),
}
SIZE_WORDS = {"small": ("small", "tiny", "little"), "large": ("large", "big", "huge")}
ADJECTIVES = ("round", "boxy", "pointed")  # the shape words that need a "something" before them
RELATION_WORDS = {
    "left of": ("left of", "to the left of", "on the left side of"),
    "right of": ("right of", "to the right of", "on the right side of"),
    "above": ("above", "over", "higher than"),
    "below": ("below", "under", "lower than"),
}
_LINES = {"top": ("top", "upper", "up"), "bottom": ("bottom", "lower", "down")}

OPENINGS = (
    "",
    "please draw",
    "could you paint me",
    "i would like",
    "there should be",
    "i want to see",
    "can you show me",
    "draw",
)
ENDINGS = (".", "?", ", please .", "for me , thank you .")
ORDERS = (  # of one thing, of two things
    (
        "{opening} {thing} {place}",
        "{place} {opening} {thing}",
        "{opening} {thing} and put it {place}",
    ),
    (
        "{opening} {first} {relation} {second}",
        "{relation} {second} {opening} {first}",
        "{opening} {second} and put {first} {relation} it",
        "{opening} {second} and {relation} it {first}",
    ),
)
NEW_ORDERS = (  # never trained, not even in other company
    ("{thing} , {opening} it {place}",),
    ("{first} , {opening} it {relation} {second}", "{opening} it {relation} {second} , {first}"),
)
STRANGE = {  # what no caption can say: to be trained on, and held out
    "colour": (("purple", "pink", "orange", "white"), ("violet", "brown", "grey", "beige")),
    "shape": (("star", "heart", "house", "tree"), ("elephant", "hexagon", "banana", "violin")),
    "place": (
        ("in the middle", "at the centre", "everywhere"),
        ("behind the moon", "inside a bottle", "outside the frame"),
    ),
}
GREETINGS = ("hey buddy ,", "good evening !", "thanks a lot :", "well , hmm ,")  # never trained


def pick(items: Sequence[Item], generator: torch.Generator) -> Item:
    """One of the items, each as often as the others."""
    return items[int(torch.randint(len(items), (), generator=generator))]


def held_out_pair(colour_word: str, shape_word: str) -> bool:
    """Whether these two words stand together only in new wordings: a third of all pairs."""
    colours = [word for words in COLOUR_WORDS.values() for word in words]
    shapes = [word for words in SHAPE_WORDS.values() for word in words]
    return (colours.index(colour_word) + shapes.index(shape_word)) % 3 == 0


def held_out_sentence(opening: int, order: int, ending: int) -> bool:
    """Whether these three go together only in new wordings: a quarter of all threes."""
    return (opening + order + ending) % 4 == 0


def word_scene(
    scene: Scene, *, new: bool = False, new_order: bool = False, generator: torch.Generator
) -> str:
    """Say freely what the caption of a scene says.

    Args:
        scene: what is meant. A large thing may be named without its size: none said means large.
        new: True takes what is held out from training: other combinations of an opening, an order
            and an ending, and of a colour word and a shape word. Each word is known. False takes
            the others only.
        new_order: True puts the parts in an order that no training holds.
        generator: on the CPU.

    Returns:
        One sentence in lower case, with spaces around its words and marks.
    """
    sentence = _sentence(not isinstance(scene, Placed), new, new_order, generator)
    if isinstance(scene, Placed):
        thing = _thing(scene.colour, scene.shape, scene.size, new, generator)
        return _written(sentence, thing=thing, place=_place(scene.place, generator))
    first, second = (_thing(*kind, "", new, generator) for kind in (scene.first, scene.second))
    relation = pick(RELATION_WORDS[scene.relation], generator)
    return _written(sentence, first=first, second=second, relation=relation)


def word_strange(*, new: bool = False, made_up: bool = False, generator: torch.Generator) -> str:
    """A request for a colour, a thing or a place that no caption can name: to be refused.

    Args:
        new: True takes strange words and sentences that are held out from training.
        made_up: True takes a word of random letters in place of the colour or the thing.
        generator: on the CPU.
    """
    part = pick(("colour", "shape") if made_up else tuple(STRANGE), generator)
    odd = letters(generator) if made_up else pick(STRANGE[part][new], generator)
    colour, shape = pick(COLOURS, generator), pick(SHAPES, generator)
    size = pick(("", *SIZE_WORDS["small"], *SIZE_WORDS["large"]), generator)
    colour_word = odd if part == "colour" else pick(COLOUR_WORDS[colour], generator)
    shape_word = odd if part == "shape" else pick(SHAPE_WORDS[shape][:3], generator)
    thing = " ".join(("a", size, colour_word, shape_word)).replace("  ", " ")
    if part != "place" and int(torch.randint(3, (), generator=generator)) == 0:
        other = pick([name for name in COLOURS if name != colour], generator)
        pair = [thing, _thing(other, pick(SHAPES, generator), "", new, generator)]
        first, second = pair if torch.rand((), generator=generator) < 0.5 else pair[::-1]
        relation = pick(RELATION_WORDS[pick([*RELATION_WORDS], generator)], generator)
        sentence = _sentence(True, new, False, generator)
        return _written(sentence, first=first, second=second, relation=relation)
    corner = f"{pick(('top', 'bottom'), generator)} {pick(('left', 'right'), generator)}"
    place = odd if part == "place" else _place(corner, generator)
    return _written(_sentence(False, new, False, generator), thing=thing, place=place)


def letters(generator: torch.Generator) -> str:
    """A word of five random letters."""
    return "".join(pick("abcdefghijklmnopqrstuvwxyz", generator) for _ in range(5))


def _sentence(two: bool, new: bool, new_order: bool, generator: torch.Generator) -> str:
    """A sentence with its opening and ending, and room for its parts."""
    orders = (NEW_ORDERS if new_order else ORDERS)[two]
    ways = [
        (opening, order, ending)
        for opening in range(len(OPENINGS))
        for order in range(len(orders))
        for ending in range(len(ENDINGS))
        if held_out_sentence(opening, order, ending) is new or new_order
    ]
    opening, order, ending = pick(ways, generator)
    return f"{orders[order].replace('{opening}', OPENINGS[opening])} {ENDINGS[ending]}"


def _written(sentence: str, **parts: str) -> str:
    """The sentence with its parts, single spaces, and "an" before a vowel."""
    text = " ".join(sentence.format(**parts).split())
    return re.sub(r"\ba (?=[aeiou])", "an ", text)


def _thing(colour: str, shape: str, size: str, new: bool, generator: torch.Generator) -> str:
    """A thing in free words, of a pair of words that is held out or is not."""
    pairs = [
        (one, other)
        for one in COLOUR_WORDS[colour]
        for other in SHAPE_WORDS[shape]
        if held_out_pair(one, other) is new
    ]
    colour_word, shape_word = pick(pairs, generator)
    said = pick(SIZE_WORDS[size], generator) if size else ""
    if size == "large" and torch.rand((), generator=generator) < 0.25:
        said = ""
    if shape_word in ADJECTIVES:
        words = [said, shape_word] if said else [shape_word]
        return f"something {' , '.join(words)} and {colour_word}"
    if said and torch.rand((), generator=generator) < 0.25:
        return f"a {shape_word} that is {said} and {colour_word}"
    return " ".join(word for word in ("a", said, colour_word, shape_word) if word)


def _place(place: str, generator: torch.Generator) -> str:
    line, side = place.split()
    plain, long, along = _LINES[line]
    return pick(
        (
            f"at the {plain} {side}",
            f"in the {long} {side} corner",
            f"{along} in the {side} corner",
            f"on the {side} , at the {plain}",
        ),
        generator,
    )
