"""The average of the weights over a training."""

from __future__ import annotations

import copy

import torch
from torch import nn


class EMA:
    """An exponential moving average of a model's weights, the copy to sample from.

    average <- decay * average + (1 - decay) * weights after every step; early on the decay is
    smaller, so that the random start is forgotten.

    Args:
        model: the model being trained.
        decay: in [0, 1); 0.999 averages over about the last 1000 steps.

    Attributes:
        model: the average.
        num_updates: how often it was moved, over all trainings.

    Raises:
        ValueError: the decay is outside its range.

    Source: Polyak & Juditsky 1992; for diffusion Ho et al. 2020, appendix B, arXiv:2006.11239.
    """

    def __init__(self, model: nn.Module, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay must lie in [0, 1); got {decay}.")
        self.model = copy.deepcopy(model).requires_grad_(False).eval()
        self.decay, self.num_updates = decay, 0

    def check_fits(self, model: nn.Module) -> None:
        """Raise ValueError for a model that this is no average of; shapes may broadcast unseen."""
        own, other = (
            [(name, p.shape, p.device) for name, p in part.named_parameters()]
            for part in (self.model, model)
        )
        if own != other:
            raise ValueError(
                "ema must average the model that is trained; its weights have other names, shapes "
                "or another device. Make it from this model, where it is: ema = EMA(model)."
            )

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move the average towards the weights of the model."""
        self.num_updates += 1
        decay = min(self.decay, self.num_updates / (self.num_updates + 10))
        torch._foreach_lerp_(list(self.model.parameters()), list(model.parameters()), 1 - decay)
        for average, now in zip(self.model.buffers(), model.buffers(), strict=True):
            average.copy_(now)
