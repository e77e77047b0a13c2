"""Exercises of lesson 01: noising."""

from typing import Any

import torch
from torch import Tensor

from course_utils.diffusion import Cosine, LinearBeta, Schedule
from course_utils.exercises import Exercise, Mistake


def noise_step(x: Tensor, beta: Tensor, z: Tensor) -> Tensor:
    """One step of the forward process."""
    return (1 - beta).sqrt() * x + beta.sqrt() * z


def step_cases() -> list[tuple[Any, ...]]:
    """Points and images, small and large steps."""
    return [
        (torch.randn(shape), torch.tensor(beta), torch.randn(shape))
        for shape, beta in (((5, 2), 0.02), ((3, 1, 4, 4), 0.3))
    ]


def alpha_bar_from(betas: Tensor) -> Tensor:
    """Share of the variance that is data, after each step."""
    return torch.cumprod(1 - betas, dim=0)


def betas_cases() -> list[tuple[Any, ...]]:
    """Few large betas and many small ones."""
    return [(torch.tensor([0.1, 0.2, 0.5]),), (torch.linspace(1e-3, 0.05, 50),)]


def jump(x0: Tensor, t: Tensor, eps: Tensor, schedule: Schedule) -> Tensor:
    """The noisy batch."""
    alpha, sigma = factors(t, schedule)
    return alpha * x0 + sigma * eps


def factors(t: Tensor, schedule: Schedule) -> tuple[Tensor, Tensor]:
    """Return alpha and sigma, each (B, 1, 1, 1)."""
    return schedule.alpha(t)[:, None, None, None], schedule.sigma(t)[:, None, None, None]


def mixed(x0: Tensor, t: Tensor, eps: Tensor, schedule: Schedule, power: float) -> Tensor:
    """Like `jump`, with the factors raised to a power."""
    alpha, sigma = factors(t, schedule)
    return alpha**power * x0 + sigma**power * eps


def jump_cases() -> list[tuple[Any, ...]]:
    """As many images as columns: a factor on the wrong axis raises no error, but is wrong."""
    return [
        (torch.randn(4, 1, 4, 4), torch.linspace(0.1, 0.9, 4), torch.randn(4, 1, 4, 4), schedule)
        for schedule in (LinearBeta(), Cosine())
    ]


EXERCISES = [
    Exercise(
        id="01.1",
        title="one noising step, for any shape",
        reference=noise_step,
        cases=step_cases,
        mistakes=[
            Mistake(
                "missing square roots",
                lambda x, beta, z: (1 - beta) * x + beta * z,
                "beta is a variance. The factors are standard deviations: take square roots.",
            ),
            Mistake(
                "data not made smaller",
                lambda x, beta, z: x + beta.sqrt() * z,
                "The data keeps its size, so the variance grows. Multiply x by sqrt(1 - beta).",
            ),
            Mistake(
                "swapped factors",
                lambda x, beta, z: beta.sqrt() * x + (1 - beta).sqrt() * z,
                "The factors are swapped: a small beta should leave nearly all of the data.",
            ),
            Mistake(
                "noise made smaller too",
                lambda x, beta, z: (1 - beta).sqrt() * (x + beta.sqrt() * z),
                "The new noise was made smaller together with the data. Shrink x first, then add.",
            ),
            Mistake(
                "square root of the data only",
                lambda x, beta, z: (1 - beta).sqrt() * x + beta * z,
                "The data is right. The factor of the noise needs its square root too.",
            ),
            Mistake(
                "square root of the noise only",
                lambda x, beta, z: (1 - beta) * x + beta.sqrt() * z,
                "The noise is right. The factor of the data needs its square root too.",
            ),
        ],
    ),
    Exercise(
        id="01.2",
        title="alpha bar after every step",
        reference=alpha_bar_from,
        cases=betas_cases,
        mistakes=[
            Mistake(
                "one step only",
                lambda betas: 1 - betas,
                "That is what each step keeps by itself. Multiply all steps up to this one.",
            ),
            Mistake(
                "sum instead of product",
                lambda betas: 1 - torch.cumsum(betas, dim=0),
                "Shares multiply, they do not add: this falls below zero after enough steps.",
            ),
            Mistake(
                "product of betas",
                lambda betas: torch.cumprod(betas, dim=0),
                "That multiplies up the noise. The data keeps the share 1 - beta of each step.",
            ),
            Mistake(
                "square root",
                lambda betas: torch.cumprod(1 - betas, dim=0).sqrt(),
                "That is the factor alpha. alpha bar is its square: leave out the square root.",
            ),
            Mistake(
                "shifted by one",
                lambda betas: torch.cat([betas.new_ones(1), torch.cumprod(1 - betas, 0)[:-1]]),
                "This is one step late: the first entry is after step 1, not before it.",
            ),
            Mistake(
                "share of the noise",
                lambda betas: 1 - torch.cumprod(1 - betas, dim=0),
                "That is the share that is noise. alpha bar is the rest.",
            ),
            Mistake(
                "one number",
                lambda betas: torch.prod(1 - betas),
                "That is alpha bar after the last step alone. One number for each step is asked.",
            ),
        ],
    ),
    Exercise(
        id="01.3",
        title="jump to any time, each image to its own",
        reference=jump,
        cases=jump_cases,
        mistakes=[
            Mistake(
                "swapped alpha and sigma",
                lambda x0, t, eps, schedule: jump(eps, t, x0, schedule),
                "alpha and sigma are swapped: alpha belongs to the data, sigma to the noise.",
            ),
            Mistake(
                "missing square root",
                lambda x0, t, eps, schedule: mixed(x0, t, eps, schedule, 2),
                "alpha and sigma are factors already. Do not square them: that is alpha bar.",
            ),
            Mistake(
                "square root of the factors",
                lambda x0, t, eps, schedule: mixed(x0, t, eps, schedule, 0.5),
                "alpha(t) is not alpha bar: its square root has been taken. Use it as it is.",
            ),
            Mistake(
                "one minus alpha",
                lambda x0, t, eps, schedule: (
                    factors(t, schedule)[0] * x0 + (1 - factors(t, schedule)[0]) * eps
                ),
                "The factor of the noise is sigma(t), not 1 - alpha(t).",
            ),
            Mistake(
                "factors along the width",
                lambda x0, t, eps, schedule: schedule.alpha(t) * x0 + schedule.sigma(t) * eps,
                "The factors went along the columns of each image. Give them three more axes: "
                "factor[:, None, None, None].",
            ),
            Mistake(
                "noise taken away",
                lambda x0, t, eps, schedule: jump(x0, t, -eps, schedule),
                "Noising adds sigma * eps; this subtracts it.",
            ),
        ],
    ),
]
