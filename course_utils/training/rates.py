"""The learning rate over a training."""

from __future__ import annotations

import math
from typing import Any

from torch.optim import Optimizer


def warmup_cosine(progress: float, warmup: float = 0.05) -> float:
    """Factor of the learning rate: rises linearly, then falls to 0 along half a cosine.

    Args:
        progress: share of the training that is done, in [0, 1).
        warmup: share of the training in which the rate rises, in [0, 1).

    Raises:
        ValueError: one of them is outside its range.

    Source: Loshchilov & Hutter 2017, arXiv:1608.03983, with linear warm-up.
    """
    if not (0 <= progress <= 1 and 0 <= warmup < 1):
        raise ValueError(f"progress and warmup must lie in [0, 1]; got {progress} and {warmup}.")
    if progress < warmup:
        return (progress + 1e-3) / (warmup + 1e-3)
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))


def constant(progress: float) -> float:
    """Factor of the learning rate: always 1."""
    return 1.0


class Rates:
    """The learning rates of an optimizer: a peak for each group of weights, times one factor."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer  # not its groups: an accelerator puts others in their place
        self.peaks = [group["lr"] for group in self.groups]
        self.given = list(self.peaks)

    @property
    def groups(self) -> list[dict[str, Any]]:
        """The groups of weights that have a rate of their own."""
        return self.optimizer.param_groups

    @property
    def now(self) -> float:
        """The rate of the first group."""
        return self.groups[0]["lr"]

    def set(self, factor: float) -> None:
        """Set the rates of a step; one that was changed by hand since the last is a new peak.

        Raises:
            ValueError: a rate is negative or not finite. No weight has been touched by it.
        """
        self._notice()
        for place, (group, peak) in enumerate(zip(self.groups, self.peaks, strict=True)):
            rate = peak * factor
            if not 0 <= rate < math.inf:
                raise ValueError(
                    "a learning rate must be finite and >= 0; got "
                    f"{rate:g} = {peak:g} (optimizer) x {factor:g} (lr_schedule)."
                )
            group["lr"] = self.given[place] = rate

    def restore(self) -> None:
        """Leave the peaks in the optimizer, for a next training."""
        self._notice()
        for group, peak in zip(self.groups, self.peaks, strict=True):
            group["lr"] = peak

    def _notice(self) -> None:
        for place, group in enumerate(self.groups):
            if group["lr"] != self.given[place]:
                self.peaks[place] = group["lr"]
