"""The average of a model's weights over its training."""

from __future__ import annotations

import copy

import torch
from torch import nn

from course_utils.training.ranges import check_number


class EMA:
    """An exponential moving average of a model's weights, the copy to sample from.

    average <- decay * average + (1 - decay) * weights after every step; early on the decay is
    smaller, so that the random start is forgotten. A later training goes on with the same average.

    Args:
        model: the model being trained.
        decay: in [0, 1); 0.999 averages over about the last 1000 steps.

    Attributes:
        model: the average, in eval mode.
        num_updates: updates so far, over all trainings.

    Raises:
        ValueError: decay is out of range.

    Source: Polyak & Juditsky 1992; for diffusion Ho et al. 2020, appendix B, arXiv:2006.11239.
    """

    def __init__(self, model: nn.Module, decay: float = 0.999) -> None:
        check_number("decay", decay, 0, 1, ends="[)", advice="0.999 averages over 1000 steps.")
        self.model = copy.deepcopy(model).requires_grad_(False).eval()
        self.decay = decay
        self.num_updates = 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move the average towards the weights after a step."""
        self.num_updates += 1
        decay = min(self.decay, self.num_updates / (self.num_updates + 10))
        torch._foreach_lerp_(list(self.model.parameters()), list(model.parameters()), 1 - decay)
        for average, now in zip(self.model.buffers(), model.buffers(), strict=True):
            average.copy_(now)

    def check_fits(self, model: nn.Module) -> None:
        """Refuse to average the weights of another network.

        Raises:
            ValueError: names, shapes or devices of the weights differ.
        """
        own, other = (
            [(name, p.shape, p.device) for name, p in part.named_parameters()]
            for part in (self.model, model)
        )
        if own != other:
            raise ValueError(
                "ema must average the model that is trained; its weights have other names, shapes "
                "or another device. Make it from this model, on its device: ema = EMA(model)."
            )
