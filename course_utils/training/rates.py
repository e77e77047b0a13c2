"""How the learning rate moves over a training: a factor of the peak that the optimizer holds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch.optim import Optimizer

from course_utils.training.ranges import check_number

RateSchedule = Callable[[float], float]  # progress in [0, 1) -> factor of the learning rate


def warmup_cosine(progress: float, warmup: float = 0.05) -> float:
    """Factor of the learning rate: rises linearly, then falls to 0 along half a cosine.

    Args:
        progress: share of the training that is done, in [0, 1].
        warmup: share of the training in which the rate rises, in [0, 1).

    Raises:
        ValueError: one of them is out of range.

    Source: Loshchilov & Hutter 2017, arXiv:1608.03983, with linear warm-up.
    """
    check_number("progress", progress, 0, 1, ends="[]", advice="Use step / num_steps.")
    check_number("warmup", warmup, 0, 1, ends="[)", advice="It is a share of the training.")
    if progress < warmup:
        return (progress + 1e-3) / (warmup + 1e-3)
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))


def constant(progress: float) -> float:
    """Factor of the learning rate: always 1."""
    return 1.0


@contextmanager
def scaled_rates(optimizer: Optimizer, factor: float) -> Iterator[float]:
    """Scale all learning rates for one step, and give the first of them.

    Between steps the optimizer holds its peak rates. So a rate that is set there by hand counts,
    and a second training starts from the same peaks as the first.

    Raises:
        ValueError: a rate would be negative, infinite or nan.
    """
    kept = "No step was made with it."
    check_number("what lr_schedule returns", factor, 0, math.inf, ends="[)", advice=kept)
    peaks = [group["lr"] for group in optimizer.param_groups]
    for peak in peaks:
        rate = float(peak) * factor
        check_number("the learning rate of a step", rate, 0, math.inf, ends="[)", advice=kept)
    try:
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak * factor
        yield float(optimizer.param_groups[0]["lr"])
    finally:
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak
