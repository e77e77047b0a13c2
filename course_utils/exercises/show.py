"""Values and messages in a few words, for a line that a learner reads."""

import dataclasses
import math
import numbers
from typing import Any

import numpy as np
from torch import Tensor

WIDTH = 160  # characters of a message that a learner has to read
SHORT = 72  # characters of a value that is shown as it is


def describe(value: Any) -> str:
    """A short value as it is, a long one in words: ``a tensor of shape (8, 2), float32``."""
    shown = by_value(value)
    return shown if 0 < len(shown) <= SHORT else _in_words(value)


def shorten(text: str) -> str:
    """The text in one line, cut when it is long."""
    line = " ".join(text.split())
    return line if len(line) <= WIDTH else line[:WIDTH] + " ..."


def by_value(value: Any) -> str:
    """The value as Python would write it, numbers rounded; "" if it is long or has no such form."""
    if isinstance(value, Tensor | np.ndarray):
        few = 0 < math.prod(value.shape) < SHORT
        kind = "tensor" if isinstance(value, Tensor) else "array"
        return f"{kind}({by_value(value.tolist())})" if few else ""
    if isinstance(value, list | tuple | dict) and len(value) > SHORT:
        return ""
    if isinstance(value, list | tuple):
        items = ", ".join(map(describe, value))
        if isinstance(value, list):
            return f"[{items}]"
        return f"({items},)" if len(value) == 1 else f"({items})"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key!r}: {describe(item)}' for key, item in value.items())}}}"
    if isinstance(value, float):
        shown = f"{value:.4g}"
        return f"{shown}.0" if shown.lstrip("-").isdigit() else shown
    if value is None or isinstance(value, str | numbers.Number | set | range):
        return repr(value)
    return repr(value) if dataclasses.is_dataclass(value) else ""


def _in_words(value: Any) -> str:
    if isinstance(value, Tensor | np.ndarray):
        kind = "tensor" if isinstance(value, Tensor) else "NumPy array"
        dtype = str(value.dtype).removeprefix("torch.")
        return f"a {kind} of shape {tuple(value.shape)}, {dtype}"
    if isinstance(value, list | tuple | dict):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, str | numbers.Number):
        return shorten(repr(value))
    kind = type(value).__name__
    return "a function" if kind in ("function", "method") else f"an object of type {kind}"
