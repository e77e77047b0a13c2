"""The diffusion time as features. Letters: B batch."""

from __future__ import annotations

import torch
from torch import Tensor


def time_embedding(t: Tensor, width: int, *, dtype: torch.dtype = torch.float32) -> Tensor:
    """Sines and cosines of the diffusion time at geometrically spaced frequencies.

    Args:
        t: (B,) times in [0, 1], float32 or float64: a shorter type does not tell them apart.
        width: size of the embedding, even and at least 4.
        dtype: of the result: that of the weights that read it. It is computed in that of t.

    Returns:
        (B, width) features in [-1, 1]. Wavelengths run from 2 pi / 1000 to 2 pi * 10 in units of t.

    Raises:
        ValueError: the width is odd or too small, or t is of another type.

    Source: Ho et al. 2020, appendix B, arXiv:2006.11239, with t scaled to 1000 steps.
    """
    half = width // 2
    if width % 2 or width < 4:
        raise ValueError(
            f"width must be even and at least 4; got {width}. Use {max(4, width + 1)}."
        )
    if t.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"t must be float32 or float64; got {t.dtype}. Make it t.float().")
    exponent = torch.linspace(0, 1, half, dtype=t.dtype, device=t.device)
    angles = 1000 * t[:, None] * 10_000**-exponent  # (B, half)
    return torch.cat([angles.sin(), angles.cos()], dim=1).to(dtype)  # (B, width)
