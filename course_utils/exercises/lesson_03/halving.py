"""03.2: a step that knows its error, by halving it."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_utils.diffusion import Cosine, Flow, LinearBeta, Schedule
from course_utils.exercises import Exercise, Mistake

Says = Callable[[Tensor, float], Tensor]


def halved(
    denoise: Says, x: Tensor, t: float, s: float, schedule: Schedule
) -> tuple[Tensor, Tensor]:
    """The state at s by one step and by two, put together, and the error of the two."""
    return together(*both(denoise, x, t, s, schedule))


def both(denoise: Says, x: Tensor, t: float, s: float, schedule: Schedule) -> tuple[Tensor, Tensor]:
    """Where one DDIM step from t to s leads, and where two steps of half the length do."""
    middle = (t + s) / 2
    half = ddim(denoise, x, t, middle, schedule)
    return ddim(denoise, x, t, s, schedule), ddim(denoise, half, middle, s, schedule)


def ddim(denoise: Says, x: Tensor, t: float, s: float, schedule: Schedule) -> Tensor:
    """One DDIM step."""
    guess = denoise(x, t)
    eps = (x - schedule.alpha(t) * guess) / schedule.sigma(t)
    return schedule.alpha(s) * guess + schedule.sigma(s) * eps


def together(one: Tensor, two: Tensor) -> tuple[Tensor, Tensor]:
    """Extrapolated state, and the length of the estimated error of `two` for each example."""
    return 2 * two - one, length(two - one)


def length(difference: Tensor) -> Tensor:
    """(B,) Euclidean length of each example."""
    return difference.flatten(1).norm(dim=1)


def says(x: Tensor, t: float) -> Tensor:
    """A guess that bends with the state and its time."""
    return (x * (1 + t)).tanh() + 0.3 * t


def halving_cases() -> list[tuple[Any, ...]]:
    """Points and images, three schedules, long and short steps, to the data, one example."""
    return [
        (says, torch.randn(4, 2), 0.8, 0.5, Cosine()),
        (says, torch.randn(3, 1, 4, 4), 1.0, 0.2, Flow()),
        (says, 3 * torch.randn(5, 3), 0.6, 0.55, LinearBeta()),
        (says, torch.randn(1, 2), 0.3, 0.0, Flow()),
    ]


def variant(
    change: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
) -> Callable[..., tuple[Tensor, Tensor]]:
    """An answer that puts the two results together in another way."""
    return lambda denoise, x, t, s, schedule: change(*both(denoise, x, t, s, schedule))


def stale(
    denoise: Says, x: Tensor, t: float, s: float, schedule: Schedule
) -> tuple[Tensor, Tensor]:
    """The second half step from the guess of the first."""
    middle = (t + s) / 2
    guess = denoise(x, t)
    half = ddim(denoise, x, t, middle, schedule)
    two = ddim(lambda *_: guess, half, middle, s, schedule)
    return together(ddim(denoise, x, t, s, schedule), two)


def second_from_start(
    denoise: Says, x: Tensor, t: float, s: float, schedule: Schedule
) -> tuple[Tensor, Tensor]:
    """Both half steps begin at x."""
    one = ddim(denoise, x, t, s, schedule)
    return together(one, ddim(denoise, x, (t + s) / 2, s, schedule))


def wrong_time(
    denoise: Says, x: Tensor, t: float, s: float, schedule: Schedule
) -> tuple[Tensor, Tensor]:
    """Asks at time t where the state is in the middle."""
    middle = (t + s) / 2
    half = ddim(denoise, x, t, middle, schedule)
    two = ddim(lambda state, _: denoise(state, t), half, middle, s, schedule)
    return together(ddim(denoise, x, t, s, schedule), two)


def middle_of_half_noise(
    denoise: Says, x: Tensor, t: float, s: float, schedule: Schedule
) -> tuple[Tensor, Tensor]:
    """Takes half of t for the middle."""
    middle = max(t / 2, s) if s else t / 2
    half = ddim(denoise, x, t, middle, schedule)
    return together(ddim(denoise, x, t, s, schedule), ddim(denoise, half, middle, s, schedule))


HALVING = Exercise(
    id="03.2",
    title="a step that knows its error",
    reference=halved,
    cases=halving_cases,
    mistakes=[
        Mistake(
            "two half steps alone",
            variant(lambda one, two: (two, length(two - one))),
            "The error is right. The state is that of the two half steps: their error is known "
            "now, so take it away.",
        ),
        Mistake(
            "mean of both",
            variant(lambda one, two: ((one + two) / 2, length(two - one))),
            "The mean of both lies between them. The truth lies beyond the better one, away from "
            "the other.",
        ),
        Mistake(
            "wrong side",
            variant(lambda one, two: (2 * one - two, length(two - one))),
            "You went away from the better result. One step is off by twice as much as two.",
        ),
        Mistake(
            "as for a method of order two",
            variant(lambda one, two: (two + (two - one) / 3, length(two - one) / 3)),
            "A third is right for a method of order two, where two steps are off by a quarter. "
            "DDIM is of order one: its two half steps are off by half as much as one step.",
        ),
        Mistake(
            "error of one step",
            variant(lambda one, two: (2 * two - one, 2 * length(two - one))),
            "The state is right. That is the error of the one step; asked for is that of the two.",
        ),
        Mistake(
            "error of the batch",
            variant(lambda one, two: (2 * two - one, (two - one).norm())),
            "One error for each example: its length over all coordinates, not over the batch.",
        ),
        Mistake(
            "mean square",
            variant(lambda one, two: (2 * two - one, (two - one).flatten(1).square().mean(1))),
            "The error is a length: the root of the sum of squares over the coordinates.",
        ),
        Mistake(
            "only the state",
            lambda *case: halved(*case)[0],
            "Return both: the state, then the error.",
        ),
        Mistake(
            "swapped",
            lambda *case: halved(*case)[::-1],
            "The two are swapped: first the state, then the error.",
        ),
        Mistake(
            "no second call",
            stale,
            "Your error is 0: two steps came out the same as one. Take both, and ask the denoiser "
            "again in the middle, about the state there. Three calls in all.",
        ),
        Mistake(
            "second half from the start",
            second_from_start,
            "The second half step begins at x. It begins where the first one ended.",
        ),
        Mistake(
            "asked at the wrong time",
            wrong_time,
            "In the middle you asked with time t. The state there has the time of the middle.",
        ),
        Mistake(
            "half of t for the middle",
            middle_of_half_noise,
            "The middle between t and s is (t + s) / 2.",
        ),
    ],
)
