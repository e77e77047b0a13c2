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

# (of one thing, of two things) for training, and held out; the latter use no word of their own.
SENTENCES = (
    (
        "{thing} {place}",
        "please draw {thing} {place} .",
        "could you paint me {thing} , {place} ?",
        "i would like {thing} {place} .",
        "{place} , draw {thing} .",
        "there should be {thing} {place} , please .",
        "{place} i want to see {thing} .",
        "can you put {thing} {place} for me ?",
    ),
    (
        "{first} {relation} {second}",
        "please draw {first} {relation} {second} .",
        "could you paint me {first} , {relation} {second} ?",
        "{relation} {second} , put {first} .",
        "i would like to see {first} {relation} {second} .",
        "there should be {first} and it should be {relation} {second} .",
        "{relation} {second} i want {first} , please .",
        "draw {second} and put {first} {relation} it .",
    ),
)
NEW_SENTENCES = (
    (
        "{place} could you put {thing} , please ?",
        "i want {thing} and it should be {place} .",
        "for me , paint {thing} {place} .",
        "{place} there should be {thing} .",
    ),
    (
        "can you put {first} {relation} {second} for me ?",
        "{relation} {second} there should be {first} .",
        "i want to see {second} and {relation} it , {first} .",
        "{first} , please , and it should be {relation} {second} .",
    ),
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


def word_scene(scene: Scene, *, new: bool = False, generator: torch.Generator) -> str:
    """Say freely what the caption of a scene says.

    Args:
        scene: what is meant. A large thing may be named without its size: none said means large.
        new: True takes sentences and pairs of a colour word and a shape word that are held out from
            training, in which every word is known; False takes the others only.
        generator: on the CPU.

    Returns:
        One sentence in lower case, with spaces around its words and marks.
    """
    sentence = pick((NEW_SENTENCES if new else SENTENCES)[not isinstance(scene, Placed)], generator)
    if isinstance(scene, Placed):
        thing = _thing(scene.colour, scene.shape, scene.size, new, generator)
        return _written(sentence, thing=thing, place=_place(scene.place, generator))
    first, second = (_thing(*kind, "", new, generator) for kind in (scene.first, scene.second))
    relation = pick(RELATION_WORDS[scene.relation], generator)
    return _written(sentence, first=first, second=second, relation=relation)


def word_strange(*, new: bool = False, made_up: bool = False, generator: torch.Generator) -> str:
    """A request for a colour, a thing or a place that no caption can name: to be refused.

    Args:
        new: True takes strange words, sentences and pairs that are held out from training.
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
    sentences = NEW_SENTENCES if new else SENTENCES
    if part != "place" and int(torch.randint(3, (), generator=generator)) == 0:
        other = pick([name for name in COLOURS if name != colour], generator)
        pair = [thing, _thing(other, pick(SHAPES, generator), "", new, generator)]
        first, second = pair if torch.rand((), generator=generator) < 0.5 else pair[::-1]
        relation = pick(RELATION_WORDS[pick([*RELATION_WORDS], generator)], generator)
        sentence = pick(sentences[1], generator)
        return _written(sentence, first=first, second=second, relation=relation)
    corner = f"{pick(('top', 'bottom'), generator)} {pick(('left', 'right'), generator)}"
    place = odd if part == "place" else _place(corner, generator)
    return _written(pick(sentences[0], generator), thing=thing, place=place)


def letters(generator: torch.Generator) -> str:
    """A word of five random letters."""
    return "".join(pick("abcdefghijklmnopqrstuvwxyz", generator) for _ in range(5))


def _written(sentence: str, **parts: str) -> str:
    """The sentence with its parts, and "an" before a vowel."""
    return re.sub(r"\ba (?=[aeiou])", "an ", sentence.format(**parts))


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
