"""Text to learn from: two grammars of known entropy, and the language that Python carries."""

from __future__ import annotations

from itertools import permutations, product

from course_utils.data.grammar import Grammar

PLACES = ("top left", "top right", "bottom left", "bottom right")
HEROES = {"Mia": "she", "Ada": "she", "Nora": "she", "Tom": "he", "Leo": "he", "Finn": "he"}
TREASURES = ("key", "kite", "drum", "bell", "map", "lantern", "shell", "compass")

TALE = {  # what every story is made of, whoever is in it
    "when": "One morning [3] | On a <weather> day [2] | Long ago",
    "weather": "rainy | sunny | windy",
    "kind": "an old [2] | a golden [2] | a tiny | a broken",
    "where": "by the <water> [3] | under a <tree> [2] | on the way to school",
    "water": "river [3] | sea [2] | well",
    "tree": "tree [3] | bench | bridge",
    "meanwhile": "<sky> and <animals> <sang> in the <garden> [3] "
    "| Soon <animals> <sang> until the <moon> came out over the <garden>",
    "sky": "The clouds went away [2] | The wind was warm | Snow began to fall",
    "animals": "three birds [2] | two frogs | a choir of crickets",
    "sang": "sang [2] | danced | told jokes",
    "garden": "garden [2] | forest | village",
    "moon": "moon [3] | stars",
    "later": "In the evening [3] | The next day [2] | At last",
    "kept": "took [3] | carried [2] | brought",
    "purpose": "home [3] | to a friend [2] | back to its owner",
    "felt": "was happy [3] | slept well [2] | laughed all night | never told anyone",
}


def captions() -> Grammar:
    """Captions of pictures with one object, or with two in different places.

    "a small red circle at the top left"; "... and a large blue square at the bottom right".
    """
    one = " | ".join(f"<object> at the {place}" for place in PLACES)
    two = " | ".join(
        f"<object> at the {first} and <object> at the {second}"
        for first, second in permutations(PLACES, 2)
    )
    return Grammar(
        {
            "caption": "<one> [2] | <two>",
            "one": one,
            "two": two,
            "object": "a <size> <colour> <shape>",
            "size": "small | large",
            "colour": "red | green | blue | yellow",
            "shape": "circle | square | triangle",
        }
    )


def stories() -> Grammar:
    """Stories of three sentences that end in a line break and remember how they began.

    The hero and the treasure of the first sentence come back in the last one, where no bigram can
    know them: "One morning Mia found an old key by the river. ... Mia hid the key ...".
    """
    story = " | ".join(
        f"<when> {hero} found <kind> {treasure} <where>. <meanwhile>. "
        f"<later> {hero} <kept> the {treasure} <purpose>, and {pronoun} <felt>.\n"
        for (hero, pronoun), treasure in product(HEROES.items(), TREASURES)
    )
    return Grammar({"story": story, **TALE})


def short_stories() -> Grammar:
    """Stories of one sentence, 16 to 20 words and marks long: 5,184 of them.

    The treasure is named twice, and the pronoun agrees with the hero: "One day Mia found an old
    key by the river, and she took the key to a friend." Whether it begins with "One day" shifts all
    that follows.
    """
    story = " | ".join(
        f"{when} {hero} found <kind> {treasure} <where>, and {pronoun} <kept> the {treasure} "
        f"<purpose>. [{weight}]"
        for (hero, pronoun), treasure in product(HEROES.items(), TREASURES)
        for when, weight in (("One day", 1), ("", 2))
    )
    return Grammar(
        {
            "story": story,
            "kind": "an old [2] | a golden | a tiny",
            "where": "by the river [2] | under a tree | in the garden",
            "kept": "took [2] | carried | brought",
            "purpose": "home [2] | to a friend",
        }
    )


def python_docs() -> str:
    """The reference topics that Python's own `help()` shows: 370,000 to 415,000 characters.

    The topics come in alphabetical order. A paragraph that several of them share is kept once, or a
    held-out part of the text would hold paragraphs of the other part. The length depends on the
    version of Python. Licence: PSF.

    Raises:
        ModuleNotFoundError: If this Python was installed without its documentation topics.
    """
    try:
        from pydoc_data.topics import topics
    except ImportError as error:
        raise ModuleNotFoundError(
            "This Python was installed without pydoc_data, the text of its help(). "
            "Install the full standard library (on Debian: apt install libpython3-stdlib)."
        ) from error
    text = "\n\n".join(topics[name].strip() for name in sorted(topics))
    return "\n\n".join(dict.fromkeys(text.split("\n\n"))) + "\n"


def split_text(text: str, *, validation_share: float = 0.1) -> tuple[str, str]:
    """Cut the end of a text off for validation, where a paragraph begins.

    Args:
        text: Paragraphs separated by an empty line.
        validation_share: The share of characters to hold out, above 0 and below 1.

    Returns:
        The text to train on and the text to validate on; joined they are the whole text.

    Raises:
        ValueError: If the share is out of range, or no paragraph begins near there.
    """
    if not 0 < validation_share < 1:
        raise ValueError(f"validation_share must lie between 0 and 1; got {validation_share}.")
    cut = text.rfind("\n\n", 0, round(len(text) * (1 - validation_share))) + 2
    if cut < 2 or cut >= len(text):
        raise ValueError(
            "The text has no empty line before the part to hold out. Separate paragraphs by an "
            "empty line, or hold out a smaller share."
        )
    return text[:cut], text[cut:]
