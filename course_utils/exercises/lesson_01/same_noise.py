"""01.3: the same noise on another schedule."""

from typing import Any

import torch
from torch import Tensor

from course_utils.diffusion import Cosine, Flow, LinearBeta, Schedule
from course_utils.exercises import Exercise, Mistake


def same_noise(t: Tensor, schedule: Schedule, other: Schedule) -> Tensor:
    """The times at which `other` has the signal-to-noise ratio of `schedule` at t."""
    return halved(schedule.log_snr(t), other.log_snr)


def halved(wanted: Tensor, falling: Any, halvings: int = 40, turned: bool = False) -> Tensor:
    """Where a falling function of time has the wanted values (B,), by halving [0, 1]."""
    low, high = torch.zeros_like(wanted), torch.ones_like(wanted)
    for _ in range(halvings):
        middle = (low + high) / 2
        later = (falling(middle) > wanted) != turned
        low, high = torch.where(later, middle, low), torch.where(later, high, middle)
    return (low + high) / 2


def on_grid(t: Tensor, schedule: Schedule, other: Schedule) -> Tensor:
    """The nearest of a hundred times: too coarse."""
    grid = torch.linspace(0.01, 0.99, 99)
    apart = other.log_snr(grid)[None] - schedule.log_snr(t)[:, None]
    return grid[apart.abs().argmin(1)]


def same_noise_cases() -> list[tuple[Any, ...]]:
    """Every schedule in either place; clean and noisy times, in no order."""
    return [
        (torch.tensor([0.3, 0.117, 0.8, 0.5]), LinearBeta(), Flow()),
        (torch.tensor([0.52, 0.9, 0.033]), Flow(), Cosine()),
        (torch.linspace(0.05, 0.95, 7), Cosine(), LinearBeta()),
        (torch.tensor([0.25]), Flow(), LinearBeta()),
    ]


SAME_NOISE = Exercise(
    id="01.3",
    title="the same noise on another schedule",
    reference=same_noise,
    cases=same_noise_cases,
    tolerance=1e-3,
    mistakes=[
        Mistake(
            "the same time",
            lambda t, schedule, other: t,
            "That is the same time. At one time two schedules have different noise.",
        ),
        Mistake(
            "equal alpha",
            lambda t, schedule, other: halved(schedule.alpha(t), other.alpha),
            "There alpha is equal, not alpha / sigma. With Flow that is another time.",
        ),
        Mistake(
            "equal sigma",
            lambda t, schedule, other: halved(-schedule.sigma(t), lambda s: -other.sigma(s)),
            "There sigma is equal, not alpha / sigma. With Flow that is another time.",
        ),
        Mistake(
            "wrong half",
            lambda t, schedule, other: halved(schedule.log_snr(t), other.log_snr, turned=True),
            "You keep the wrong half. Where the middle is too clean, the time is later.",
        ),
        Mistake(
            "schedules swapped",
            lambda t, schedule, other: same_noise(t, other, schedule),
            "The schedules are swapped: t is a time on the first, the answer one on the other.",
        ),
        Mistake(
            "the ratio",
            lambda t, schedule, other: schedule.log_snr(t),
            "That is the log SNR. The time at which the other schedule has it is asked.",
        ),
        Mistake(
            "too few halvings",
            lambda t, schedule, other: halved(schedule.log_snr(t), other.log_snr, halvings=5),
            "The way is right, the answer too coarse: five halvings leave 1/32. Take twenty.",
        ),
        Mistake(
            "coarse grid",
            on_grid,
            "The nearest of a hundred times is too coarse. Halve, or go on between two of them.",
        ),
        Mistake(
            "Flow's formula",
            lambda t, schedule, other: torch.sigmoid(-schedule.log_snr(t) / 2),
            "That is the time on Flow. It must work for any other schedule too.",
        ),
    ],
)
