"""How a rule of a grammar is written, and where a sentence is cut into tokens."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence

from course_utils.data.reading import Alternative

SYMBOL = re.compile(r"<\w+>")
_BRACKET = re.compile(r"<\w+>|([<>\[\]])")  # group 1: one that belongs to no symbol
_JOINERS = "\u200c\u200d"  # without a width, inside words of Persian and Hindi
_WEIGHTED = re.compile(r"(.*?)(?:\[([^\[\]]*)\]\s*)?", re.DOTALL)


def split(sentence: str) -> list[str]:
    r"""The tokens of a sentence: symbols, words, punctuation marks and line breaks.

    Accents and vowel signs that are characters of their own, which `\w` leaves out, stay with what
    they stand on.
    """
    marks = {char for char in set(sentence) if unicodedata.category(char).startswith("M")}
    mark = "".join(sorted(marks)) + _JOINERS
    letters = rf"[\w{mark}]+"
    return re.findall(rf"<\w+>|{letters}(?:['-]{letters})*|\n|[^\w\s][{mark}]*", sentence)


def parse_rule(name: str, text: str) -> list[Alternative]:
    """Read "a <colour> circle [3] | a square" and divide the weights by their sum."""
    if not SYMBOL.fullmatch(f"<{name}>"):
        raise ValueError(f"A symbol's name has only letters, digits and underscores; got {name!r}.")
    weights, expansions, place = [], [], 0
    for alternative in text.split("|"):
        match = _WEIGHTED.fullmatch(alternative)
        assert match is not None  # the pattern fits any text
        try:
            weight = 1.0 if match[2] is None else float(match[2])
        except ValueError:
            weight = math.nan
        if not 0 < weight < math.inf:
            raise ValueError(
                f"In the rule of <{name}>, [{match[2]}] must be a weight above 0: {text!r}."
            )
        for bracket in _BRACKET.finditer(match[1]):
            if bracket[1]:
                raise ValueError(
                    f"In the rule of <{name}>, {bracket[1]!r} at position "
                    f"{place + bracket.start()} belongs to no <symbol>, and to no [weight] at the "
                    f"end of an alternative: {text!r}. Names have letters, digits and underscores."
                )
        weights.append(weight)
        expansions.append(tuple(split(match[1])))
        place += len(alternative) + 1
        if not expansions[-1]:
            raise ValueError(f"The rule of <{name}> has an empty alternative: {text!r}.")
    total = sum(weights)
    return [
        Alternative(weight / total, parts)
        for weight, parts in zip(weights, expansions, strict=True)
    ]


def expand(
    rules: Mapping[str, Sequence[Alternative]], symbol: str, most: int, inside: tuple[str, ...] = ()
) -> dict[tuple[str, ...], float]:
    """All that a symbol can become, with how likely it is.

    Raises:
        ValueError: there is more than `most`, or no end to it: a symbol comes back inside itself.
    """
    if symbol in inside:
        raise ValueError(f"{symbol} comes back inside itself, so there is no end of sentences.")
    found: dict[tuple[str, ...], float] = {}
    for alternative in rules[symbol]:
        begun: dict[tuple[str, ...], float] = {(): alternative.prob}
        for part in alternative.parts:
            ends = expand(rules, part, most, (*inside, symbol)) if part in rules else {(part,): 1.0}
            if len(begun) * len(ends) > most:
                raise ValueError(
                    f"the grammar can say more than {most:,} sentences. Use `sample`, or allow "
                    "more."
                )
            begun = {a + b: p * q for a, p in begun.items() for b, q in ends.items()}
        for tokens, prob in begun.items():
            found[tokens] = found.get(tokens, 0) + prob
        if len(found) > most:
            raise ValueError(f"the grammar can say more than {most:,} sentences.")
    return found
