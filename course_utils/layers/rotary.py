"""Positions as rotations. Letters: T tokens, K width of a head."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from course_utils.layers.inputs import at_least_float32


def rotations(length: int, width: int, *, like: Tensor) -> Tensor:
    """How far each position turns each pair of features, as complex numbers of size 1.

    The first pair turns by 1 radian a position, the last by 2^-10, the others evenly between in
    their logarithms.

    Args:
        length: T, the positions 0 ... T - 1.
        width: K, even.
        like: a tensor on the device where they are needed; float64 if it is, otherwise float32.

    Returns:
        (T, K / 2), complex.

    Raises:
        ValueError: K is odd.
    """
    if width % 2:
        raise ValueError(f"rotations turn pairs of features, so width must be even; got {width}.")
    kind: dict[str, Any] = {"device": like.device, "dtype": at_least_float32(like.dtype)}
    speed = torch.logspace(0, -10, width // 2, base=2, **kind)  # (K / 2,)
    angles = torch.arange(length, **kind)[:, None] * speed  # (T, K / 2)
    return torch.polar(torch.ones_like(angles), angles)


def rotate(x: Tensor, turns: Tensor) -> Tensor:
    """Turn each pair of features by an angle that grows with the position.

    The product of a turned query and a turned key depends on their distance only, so attention
    knows how far apart two tokens are.

    Args:
        x: (..., T, K) queries or keys.
        turns: (T, K / 2) from `rotations`.

    Returns:
        (..., T, K), every vector as long as before, in the precision of x.

    Raises:
        ValueError: the turns are of another length or width.

    Source: Su et al. 2021 (RoFormer), section 3.2, arXiv:2104.09864: a pair of features is a
    complex number, and turning it is a product.
    """
    if turns.shape != (x.shape[-2], x.shape[-1] // 2):
        raise ValueError(
            f"x {tuple(x.shape)} needs turns of shape {(x.shape[-2], x.shape[-1] // 2)}, a row for "
            f"each position and a column for each pair; got {tuple(turns.shape)}."
        )
    pairs = x.to(at_least_float32(x.dtype)).unflatten(-1, (-1, 2))
    turned = torch.view_as_complex(pairs) * turns  # (..., T, K / 2)
    return torch.view_as_real(turned).flatten(-2).to(x.dtype)
