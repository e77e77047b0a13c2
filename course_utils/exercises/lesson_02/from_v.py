"""02.3: what a prediction of v implies."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_utils.diffusion import Cosine, Flow
from course_utils.exercises import Exercise, Mistake


def from_v(v: Tensor, x_t: Tensor, alpha: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
    """The data and the noise that a prediction of v implies."""
    power = alpha**2 + sigma**2
    return (alpha * x_t - sigma * v) / power, (sigma * x_t + alpha * v) / power


def v_cases() -> list[tuple[Any, ...]]:
    """Two schedules; the ends of time, where one of the factors is 0; large numbers."""
    calls = []
    for schedule, number, width, size in (
        (Cosine(), 6, 3, 1.0),
        (Flow(), 4, 2, 1.0),
        (Flow(), 5, 5, 1e4),
    ):
        t = torch.linspace(0, 1, number)
        v, x_t = size * torch.randn(2, number, width)
        calls.append((v, x_t, *schedule.at(t, x_t)))
    return calls


def v_part(
    first: Callable[..., Tensor], second: Callable[..., Tensor]
) -> Callable[..., tuple[Tensor, Tensor]]:
    """An answer of two formulas."""
    return lambda v, x_t, a, s: (first(v, x_t, a, s), second(v, x_t, a, s))


FROM_V = Exercise(
    id="02.3",
    title="the data and the noise that a prediction of v implies",
    reference=from_v,
    cases=v_cases,
    mistakes=[
        Mistake(
            "true only where the variance is kept",
            v_part(lambda v, x, a, s: a * x - s * v, lambda v, x, a, s: s * x + a * v),
            "This is right only where alpha^2 + sigma^2 = 1. Solve without that: a sum is left "
            "to divide by.",
        ),
        Mistake(
            "swapped",
            lambda v, x, a, s: from_v(v, x, a, s)[::-1],
            "The two answers are swapped: first the data, then the noise.",
        ),
        Mistake(
            "sign of v",
            lambda v, x, a, s: from_v(-v, x, a, s),
            "The sign of v is wrong: v = alpha * eps - sigma * x0.",
        ),
        Mistake(
            "swapped alpha and sigma",
            lambda v, x, a, s: from_v(v, x, s, a),
            "alpha and sigma are swapped: alpha belongs to the data, sigma to the noise.",
        ),
        Mistake(
            "taken for the noise",
            v_part(lambda v, x, a, s: (x - s * v) / a, lambda v, x, a, s: v),
            "This takes v for the noise. It is a mixture: v = alpha * eps - sigma * x0.",
        ),
        Mistake(
            "divided by a factor that may be 0",
            v_part(
                lambda v, x, a, s: (x - s * from_v(v, x, a, s)[1]) / a,
                lambda v, x, a, s: from_v(v, x, a, s)[1],
            ),
            "At t = 1 alpha is 0, and you divide by it. Eliminate the other unknown instead: "
            "multiply one equation by alpha, the other by sigma, and combine them.",
        ),
        Mistake(
            "only the data",
            lambda v, x, a, s: from_v(v, x, a, s)[0],
            "Return both: the data and the noise, in this order.",
        ),
    ],
)
