"""The frozen records that every loop of the course yields.

Whatever iterates here is a generator of these: training yields `TrainStep`, both families' samplers
yield `SampleStep`. Plots, animations, early stopping and counts of model calls then work on all of
them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from torch import Tensor

Record = TypeVar("Record")
Says = TypeVar("Says")


@dataclass(frozen=True)
class Prediction:
    """What a denoiser says about a noisy example, in both forms at once.

    Attributes:
        x0_hat: (B, ...) estimate of the clean example, E[x0 | x_t] when the model is perfect.
        eps_hat: (B, ...) estimate of the noise; x_t = alpha * x0_hat + sigma * eps_hat.
        calls: how often a network was asked for it: a model around a model may ask twice.
    """

    x0_hat: Tensor
    eps_hat: Tensor
    calls: int = field(default=1, kw_only=True)


@dataclass(frozen=True)
class SampleStep(Generic[Says]):
    """The state of a sampler after one step: one model call, or two.

    Attributes:
        calls: model calls made so far; the latency of both families is counted in it.
        t: share of the work that is left, from 1 down to 0. For diffusion it is the time of
            `state`.
        state: what is generated so far: (B, ...) noisy examples x_t, or (B, T) tokens. Changing it
            in place does not change what comes after.
        prediction: what the model said, before a sampler limits or extrapolates it: a `Prediction`,
            or (B, V) next-token probabilities.
    """

    calls: int
    t: float
    state: Tensor
    prediction: Says


@dataclass(frozen=True)
class TrainStep:
    """One optimizer step.

    Attributes:
        step: steps done so far, from 1.
        loss: () loss of this step's batch, before the step.
        learning_rate: rate that the step used.
        grad_norm: () global gradient norm before clipping.
    """

    step: int
    loss: Tensor
    learning_rate: float
    grad_norm: Tensor


def last(steps: Iterable[Record]) -> Record:
    """Run an iterator of records to its end and return the last one.

    Raises:
        ValueError: the iterator yielded nothing.
    """
    tail = deque(steps, maxlen=1)
    if not tail:
        raise ValueError(
            "expected at least one step; the iterator was empty. An iterator is used up by the "
            "first loop over it: make a new one, or keep its steps in a list."
        )
    return tail[0]
