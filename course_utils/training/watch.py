"""What is not finite must not reach the weights, nor go unnoticed."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.optim import Optimizer


def is_broken(model: nn.Module) -> bool:
    """Whether a weight is infinite or nan, or a buffer nan (a mask may hold infinities)."""
    weights = [p for p in model.parameters() if p.is_floating_point()]
    buffers = [b for b in model.buffers() if b.is_floating_point()]
    return any(not bool(p.isfinite().all()) for p in weights) or any(
        bool(b.isnan().any()) for b in buffers
    )


class Watch:
    """Makes the steps of an optimizer, but none whose loss or gradient is not finite."""

    def __init__(self, optimizer: Optimizer, model: nn.Module, device: torch.device) -> None:
        self.optimizer, self.model = optimizer, model
        self.fused = bool(optimizer.defaults.get("fused"))
        # A GPU has to wait for each look at a number. A fused optimizer leaves the weights alone
        # in a bad step without looking, so there a look now and then is enough.
        self.look_every = 50 if self.fused and device.type != "cpu" else 1
        self.since = 0  # steps since the last look
        self.bad = torch.zeros((), device=device)  # 1 if one of them was bad

    def step(self, loss: Tensor, norm: Tensor, number: int, *, last: bool) -> None:
        """Make step `number`, from 1, or raise.

        Raises:
            FloatingPointError: this step or one since the last look is bad; or the weights are
                after the last step.
        """
        bad = (~(loss.isfinite() & norm.isfinite())).float()
        self.bad, self.since = torch.maximum(self.bad, bad), self.since + 1
        if last or self.since >= self.look_every:
            if self.bad.item():
                raise FloatingPointError(self._what_happened(loss, norm, number))
            self.since = 0
        try:
            if self.fused:
                self.optimizer.grad_scale = None  # type: ignore[attr-defined]
                self.optimizer.found_inf = bad  # type: ignore[attr-defined]
            self.optimizer.step()
        finally:
            if self.fused:  # left behind, they would block the steps of whoever comes next
                del self.optimizer.grad_scale, self.optimizer.found_inf  # type: ignore[attr-defined]
        if last and is_broken(self.model):
            raise FloatingPointError(f"after the last step, {number}, {BROKEN}")

    def _what_happened(self, loss: Tensor, norm: Tensor, number: int) -> str:
        rate = self.optimizer.param_groups[0]["lr"]
        where = f"step {number}"
        seen = f"loss is {loss.item():.4g} and gradient norm {norm.item():.4g}"
        if self.since > 1 and math.isfinite(loss.item()) and math.isfinite(norm.item()):
            where, seen = f"a step before {number}", "its loss or gradient was not finite"
        kept = (
            "The weights are still good: a bad step is not made. Look for nan in the batch, then "
            "try a learning rate three times smaller."
        )
        stopped = f"training stopped at {where}: {seen}, at learning rate {float(rate):.3g}. "
        return stopped + (f"By now {BROKEN}" if is_broken(self.model) else kept)


BROKEN = (
    "weights are infinite or nan: an earlier step was too large. Make the model anew and try a "
    "learning rate three times smaller."
)
