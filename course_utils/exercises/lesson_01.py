"""Exercises of lesson 01: noising."""

from typing import Any

import torch
from torch import Tensor

from course_utils.diffusion import Cosine, Flow, LinearBeta, Schedule
from course_utils.exercises import Exercise, Mistake

Case = tuple[Any, ...]


def variance_after(variance: Tensor, betas: Tensor) -> Tensor:
    """Variance of noised data after each step."""
    alpha_bar = torch.cumprod(1 - betas, dim=0)
    return alpha_bar * variance + 1 - alpha_bar


def variance_cases() -> list[Case]:
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


def noisier(x_s: Tensor, s: Tensor, t: Tensor, eps: Tensor, schedule: Schedule) -> Tensor:
    """The data of x_s at the later time t."""
    ratio, missing = data_and_noise(s, t, schedule)
    return mixed(ratio, x_s, missing.sqrt(), eps)


def data_and_noise(s: Tensor, t: Tensor, schedule: Schedule) -> tuple[Tensor, Tensor]:
    """The factor of x_s (B,), and the variance that is missing then (B,)."""
    ratio = schedule.alpha(t) / schedule.alpha(s)
    return ratio, schedule.sigma(t) ** 2 - (ratio * schedule.sigma(s)) ** 2


def mixed(left: Tensor, x: Tensor, right: Tensor, eps: Tensor) -> Tensor:
    """The sum of left x and right eps, with one factor (B,) for each example."""
    shape = (-1,) + (1,) * (x.ndim - 1)
    return left.view(shape) * x + right.view(shape) * eps


def noisier_cases() -> list[Case]:
    """Every schedule, points and images, s = 0, s = t, zeros.

    Square images, as many as they have columns: a factor on the wrong axis raises no error there.
    """
    sizes = [
        ((3, 2), Flow()),
        ((4, 1, 4, 4), Flow()),
        ((4, 4), LinearBeta()),
        ((2, 3, 5, 7), Cosine()),
    ]
    cases = []
    for shape, schedule in sizes:
        x_s, eps = torch.randn(2, *shape)
        x_s[-1] = 0.0
        s = torch.linspace(0.0, 0.6, shape[0])
        t = torch.linspace(0.3, 0.9, shape[0])
        t[-1] = s[-1] if shape[0] > 2 else t[-1]
        cases.append((x_s, s, t, eps, schedule))
    return cases


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


def same_noise_cases() -> list[Case]:
    """Every schedule in either place; clean and noisy times, in no order."""
    return [
        (torch.tensor([0.3, 0.117, 0.8, 0.5]), LinearBeta(), Flow()),
        (torch.tensor([0.52, 0.9, 0.033]), Flow(), Cosine()),
        (torch.linspace(0.05, 0.95, 7), Cosine(), LinearBeta()),
        (torch.tensor([0.25]), Flow(), LinearBeta()),
    ]


EXERCISES = [
    Exercise(
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
    ),
    Exercise(
        id="01.2",
        title="from noisy to noisier, on any schedule",
        reference=noisier,
        cases=noisier_cases,
        mistakes=[
            Mistake(
                "noised as if clean",
                lambda x_s, s, t, eps, schedule: mixed(
                    schedule.alpha(t), x_s, schedule.sigma(t), eps
                ),
                "That jumps from clean data. In x_s the data has the factor alpha(s) already, "
                "and there is noise.",
            ),
            Mistake(
                "all the noise anew",
                lambda x_s, s, t, eps, schedule: mixed(
                    data_and_noise(s, t, schedule)[0], x_s, schedule.sigma(t), eps
                ),
                "The data is right. The noise is too much: some of it is in x_s already.",
            ),
            Mistake(
                "deviations subtracted",
                lambda x_s, s, t, eps, schedule: mixed(
                    data_and_noise(s, t, schedule)[0],
                    x_s,
                    schedule.sigma(t) - schedule.sigma(s),
                    eps,
                ),
                "Standard deviations do not subtract; variances do. Square, subtract, then root.",
            ),
            Mistake(
                "shrunken deviations subtracted",
                lambda x_s, s, t, eps, schedule: mixed(
                    data_and_noise(s, t, schedule)[0],
                    x_s,
                    schedule.sigma(t) - data_and_noise(s, t, schedule)[0] * schedule.sigma(s),
                    eps,
                ),
                "Standard deviations do not subtract; variances do. You thought of the factor: "
                "now square both, subtract, then take the root.",
            ),
            Mistake(
                "old noise not shrunk",
                lambda x_s, s, t, eps, schedule: mixed(
                    data_and_noise(s, t, schedule)[0],
                    x_s,
                    (schedule.sigma(t) ** 2 - schedule.sigma(s) ** 2).sqrt(),
                    eps,
                ),
                "The factor of x_s shrinks the noise in it too: its variance is no longer "
                "sigma(s)^2.",
            ),
            Mistake(
                "factor not squared",
                lambda x_s, s, t, eps, schedule: mixed(
                    data_and_noise(s, t, schedule)[0],
                    x_s,
                    (
                        schedule.sigma(t) ** 2
                        - data_and_noise(s, t, schedule)[0] * schedule.sigma(s) ** 2
                    ).sqrt(),
                    eps,
                ),
                "A factor acts on a variance squared: square the ratio as well as sigma(s).",
            ),
            Mistake(
                "no root",
                lambda x_s, s, t, eps, schedule: mixed(
                    data_and_noise(s, t, schedule)[0], x_s, data_and_noise(s, t, schedule)[1], eps
                ),
                "You found the variance that is missing. A factor of eps is its square root.",
            ),
            Mistake(
                "variance kept",
                lambda x_s, s, t, eps, schedule: mixed(
                    data_and_noise(s, t, schedule)[0],
                    x_s,
                    (1 - data_and_noise(s, t, schedule)[0] ** 2).sqrt(),
                    eps,
                ),
                "That is right only where alpha^2 + sigma^2 = 1. Flow is not like that: ask the "
                "schedule for sigma.",
            ),
            Mistake(
                "factors subtracted",
                lambda x_s, s, t, eps, schedule: mixed(
                    schedule.alpha(t) - schedule.alpha(s),
                    x_s,
                    data_and_noise(s, t, schedule)[1].sqrt(),
                    eps,
                ),
                "Factors multiply: what takes alpha(s) to alpha(t) is a ratio, not a difference.",
            ),
            Mistake(
                "ratio turned over",
                lambda x_s, s, t, eps, schedule: mixed(
                    1 / data_and_noise(s, t, schedule)[0],
                    x_s,
                    data_and_noise(s, t, schedule)[1].sqrt(),
                    eps,
                ),
                "The ratio is upside down: the data should get smaller, from alpha(s) to alpha(t).",
            ),
            Mistake(
                "fresh noise",
                lambda x_s, s, t, eps, schedule: noisier(
                    x_s, s, t, torch.randn_like(eps), schedule
                ),
                "This draws noise of its own. Use eps, the noise that was given.",
            ),
            Mistake(
                "noise taken away",
                lambda x_s, s, t, eps, schedule: noisier(x_s, s, t, -eps, schedule),
                "The noise is added, not subtracted.",
            ),
            Mistake(
                "no new noise",
                lambda x_s, s, t, eps, schedule: mixed(
                    data_and_noise(s, t, schedule)[0], x_s, torch.zeros_like(t), eps
                ),
                "The data is right, but nothing was added: x_t needs more noise than x_s.",
            ),
            Mistake(
                "times swapped",
                lambda x_s, s, t, eps, schedule: noisier(x_s, t, s, eps, schedule),
                "s and t are swapped: the way goes from s to the later t, or the root is of a "
                "negative number.",
            ),
            Mistake(
                "images only",
                lambda x_s, s, t, eps, schedule: (
                    data_and_noise(s, t, schedule)[0][:, None, None, None] * x_s
                    + data_and_noise(s, t, schedule)[1].sqrt()[:, None, None, None] * eps
                ),
                "That is right for images (B, C, H, W). Give the factors as many axes as x_s has.",
            ),
            Mistake(
                "factors along the last axis",
                lambda x_s, s, t, eps, schedule: (
                    data_and_noise(s, t, schedule)[0] * x_s
                    + data_and_noise(s, t, schedule)[1].sqrt() * eps
                ),
                "The factors went along the last axis. Give them the shape (B, 1, ...), with as "
                "many axes as x_s has.",
            ),
        ],
    ),
    Exercise(
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
                "The nearest of a hundred times is too coarse. Halve, or go on between two of "
                "them.",
            ),
            Mistake(
                "Flow's formula",
                lambda t, schedule, other: torch.sigmoid(-schedule.log_snr(t) / 2),
                "That is the time on Flow. It must work for any other schedule too.",
            ),
        ],
    ),
]
