"""Numbers that someone sets: each has a range, and says so when left."""

from __future__ import annotations

import operator
from typing import Any


def check_number(name: str, value: Any, low: float, high: float, *, ends: str, advice: str) -> None:
    """Refuse a number outside of its range; nan is outside of every range.

    Args:
        name: what the caller calls it.
        value: what was given.
        low: smallest value.
        high: largest value.
        ends: which of the two ends belong to the range: "[]", "[)", "(]" or "()".
        advice: what to do.

    Raises:
        ValueError: it is no number, or outside of its range.
    """
    if isinstance(value, str | bytes) or not hasattr(value, "__float__"):
        raise ValueError(f"{name} must be a number; got {value!r}. {advice}")
    number = float(value)
    above = number >= low if ends[0] == "[" else number > low
    below = number <= high if ends[1] == "]" else number < high
    if not (above and below):
        raise ValueError(
            f"{name} must lie in {ends[0]}{low:g}, {high:g}{ends[1]}; got {value!r}. {advice}"
        )


def check_count(name: str, value: Any, least: int, *, advice: str) -> None:
    """Refuse what is not a whole number of at least `least`.

    Raises:
        ValueError: it is no whole number, or smaller.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least or isinstance(value, bool):
        raise ValueError(f"{name} must be a whole number >= {least}; got {value!r}. {advice}")
