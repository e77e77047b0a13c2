"""What layers and networks accept: sizes, and the precision that some numbers need."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import torch


def check_sizes(least: int = 1, **sizes: Any) -> None:
    """Raise ValueError unless every one of these settings is a whole number from `least` up."""
    for name, size in sizes.items():
        if type(size) is bool or not isinstance(size, Integral) or size < least:
            raise ValueError(f"{name} must be a whole number, at least {least}; got {size!r}.")


def check_heads(width: int, num_heads: int, *, rotary: bool = False) -> None:
    """Raise ValueError unless heads share the width evenly; with rotary positions in whole pairs.

    Rotary positions turn pairs of features in each head, so 2 num_heads must divide the width.
    """
    check_sizes(width=width, num_heads=num_heads)
    parts = 2 * num_heads if rotary else num_heads
    if width % parts:
        why = "rotary positions turn pairs of features in each head, so " if rotary else ""
        raise ValueError(
            f"{why}width must be divisible by {'2 ' * rotary}num_heads; got width={width}, "
            f"num_heads={num_heads}. Use width={width + -width % parts}."
        )


def at_least_float32(dtype: torch.dtype) -> torch.dtype:
    """float64 for float64, float32 for all that is shorter: what must not be rounded is so kept."""
    return torch.promote_types(dtype, torch.float32)
