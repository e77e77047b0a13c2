"""Positions as rotations. Letters: T tokens, K width of a head."""

from __future__ import annotations

import functools

import torch
from torch import Tensor


@functools.lru_cache(maxsize=8)
@torch.inference_mode(False)  # what generation asked for first must serve training later
def rotations(length: int, width: int, device: torch.device) -> Tensor:
    """(T, K / 2) complex numbers of size 1: how far each position turns each pair of features.

    Pair i turns by 1024^(-2i / K) radians a position, about.
    """
    speed = 1024 ** -torch.linspace(0, 1, width // 2, device=device)
    angles = torch.arange(length, device=device)[:, None] * speed
    return torch.polar(torch.ones_like(angles), angles)


def rotate(x: Tensor, start: int = 0) -> Tensor:
    """Turn each pair of features by an angle that grows with the position.

    The product of a turned query and a turned key depends on their distance only, so attention
    knows how far apart two tokens are.

    Args:
        x: (..., T, K) queries or keys, K even.
        start: position of the first of them.

    Returns:
        (..., T, K), every vector as long as before.

    Source: Su et al. 2021 (RoFormer), section 3.2, arXiv:2104.09864: a pair of features is a
    complex number, and turning it is a product.
    """
    length, width = x.shape[-2:]
    table = 1 << (start + length - 1).bit_length()  # few sizes, so that they can be kept
    turn = rotations(table, width, x.device)[start : start + length]  # (T, K / 2)
    pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * turn).flatten(-2).type_as(x)
