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


def at_least_float32(dtype: torch.dtype) -> torch.dtype:
    """float64 for float64, float32 for all that is shorter: what must not be rounded is so kept."""
    return torch.promote_types(dtype, torch.float32)
