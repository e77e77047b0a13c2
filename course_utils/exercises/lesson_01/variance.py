"""01.1: the variance of data of any size, step by step."""

from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Mistake


def variance_after(variance: Tensor, betas: Tensor) -> Tensor:
    """Variance of noised data after each step."""
    alpha_bar = torch.cumprod(1 - betas, dim=0)
    return alpha_bar * variance + 1 - alpha_bar


def variance_cases() -> list[tuple[Any, ...]]:
    """Large, small, unit and no variance; few steps and many; a step of 0 and a step of 1."""
    return [
        (torch.tensor(4.0), torch.tensor([0.1, 0.2, 0.5])),
        (torch.tensor(0.0), torch.linspace(0.001, 0.05, 50)),
        (torch.tensor(0.25), torch.tensor([0.0, 0.3, 1.0, 0.2])),
        (torch.tensor(1.0), torch.tensor([0.4, 0.01])),
    ]


def repeated(variance: Tensor, betas: Tensor, keep: Any) -> Tensor:
    """`variance_after` with another share that a step keeps of the old variance."""
    after = []
    for beta in betas:
        variance = keep(beta) * variance + beta
        after.append(variance)
    return torch.stack(after)


def deviations_added(variance: Tensor, betas: Tensor) -> Tensor:
    """`variance_after` for who adds standard deviations."""
    deviation, after = variance.sqrt(), []
    for beta in betas:
        deviation = (1 - beta).sqrt() * deviation + beta.sqrt()
        after.append(deviation**2)
    return torch.stack(after)


VARIANCE = Exercise(
    id="01.1",
    title="the variance of any data, after every step",
    reference=variance_after,
    cases=variance_cases,
    mistakes=[
        Mistake(
            "always one",
            lambda variance, betas: torch.ones_like(betas),
            "That holds for data of variance 1. Here it starts at another value.",
        ),
        Mistake(
            "never changed",
            lambda variance, betas: variance.expand(len(betas)),
            "That never changes. Only data of variance 1 keeps its variance.",
        ),
        Mistake(
            "data only",
            lambda variance, betas: torch.cumprod(1 - betas, 0) * variance,
            "That is what is left of the data. Every step adds noise of variance beta.",
        ),
        Mistake(
            "noise only",
            lambda variance, betas: 1 - torch.cumprod(1 - betas, 0),
            "That is the variance of the noise. What is left of the data comes on top.",
        ),
        Mistake(
            "not made smaller",
            lambda variance, betas: variance + torch.cumsum(betas, 0),
            "A step shrinks what it gets before it adds noise; this only adds.",
        ),
        Mistake(
            "deviations added",
            deviations_added,
            "Standard deviations do not add; the variances of independent things do.",
        ),
        Mistake(
            "root of the share",
            lambda variance, betas: repeated(variance, betas, lambda b: (1 - b).sqrt()),
            "sqrt(1 - beta) multiplies the data. Its variance is multiplied by the square.",
        ),
        Mistake(
            "share squared",
            lambda variance, betas: repeated(variance, betas, lambda b: (1 - b) ** 2),
            "The factor of the data is sqrt(1 - beta), so its square is 1 - beta already.",
        ),
        Mistake(
            "1 - sqrt(beta)",
            lambda variance, betas: repeated(variance, betas, lambda b: (1 - b.sqrt()) ** 2),
            "The factor of the data is sqrt(1 - beta), not 1 - sqrt(beta).",
        ),
        Mistake(
            "each step alone",
            lambda variance, betas: (1 - betas) * variance + betas,
            "Each step was applied to the clean data. It gets what the step before it left.",
        ),
        Mistake(
            "standard deviation",
            lambda variance, betas: variance_after(variance, betas).sqrt(),
            "That is the standard deviation. The variance is asked: leave out the root.",
        ),
        Mistake(
            "one step late",
            lambda variance, betas: torch.cat(
                [variance[None], variance_after(variance, betas)[:-1]]
            ),
            "This is one step late: the first entry is after step 1, not before it.",
        ),
        Mistake(
            "the last only",
            lambda variance, betas: variance_after(variance, betas)[-1],
            "That is the variance after the last step. One number for each step is asked.",
        ),
    ],
)
