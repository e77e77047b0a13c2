"""Which hidden token is found next. Letters: B batch, T tokens, V vocabulary.

An order gives each position a number; in each pass those hidden ones with the largest are found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

Order = Callable[[Tensor, torch.Generator | None], Tensor]


def random_order(probs: Tensor, generator: torch.Generator | None) -> Tensor:
    """(B, T) random numbers: any hidden token may be next, as in training."""
    source = generator.device if generator is not None else probs.device
    return torch.rand(probs.shape[:2], generator=generator, device=source).to(probs.device)


def left_to_right(probs: Tensor, generator: torch.Generator | None) -> Tensor:
    """(B, T) falling numbers: the leftmost hidden token is next."""
    return -torch.arange(probs.shape[1], device=probs.device, dtype=torch.float32).expand(
        probs.shape[:2]
    )


def confident(probs: Tensor, generator: torch.Generator | None) -> Tensor:
    """(B, T) the probability of the likeliest token there: the surest is next.

    Source: the idea is that of Chang et al. 2022 (MaskGIT), arXiv:2202.04200, which takes the
    probability of the token that was drawn, adds noise to it, and finds more in later passes.
    """
    return probs.amax(-1)


ORDERS: Mapping[str, Order] = {
    "random": random_order,
    "left to right": left_to_right,
    "confident": confident,
}
