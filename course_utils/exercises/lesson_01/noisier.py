"""01.2: from a noisy example to a noisier one."""

from typing import Any

import torch
from torch import Tensor

from course_utils.diffusion import Cosine, Flow, LinearBeta, Schedule
from course_utils.exercises import Exercise, Mistake


def noisier(x_s: Tensor, s: Tensor, t: Tensor, eps: Tensor, schedule: Schedule) -> Tensor:
    """The data of x_s at the later time t."""
    noise = missing_variance(s, t, schedule).sqrt()
    return mixed(ratio(s, t, schedule), x_s, noise, eps)


def ratio(s: Tensor, t: Tensor, schedule: Schedule) -> Tensor:
    """The factor of x_s in x_t (B,)."""
    return schedule.alpha(t) / schedule.alpha(s)


def missing_variance(s: Tensor, t: Tensor, schedule: Schedule) -> Tensor:
    """The variance of noise that is missing then (B,)."""
    return schedule.sigma(t) ** 2 - (ratio(s, t, schedule) * schedule.sigma(s)) ** 2


def mixed(left: Tensor, x: Tensor, right: Tensor, eps: Tensor) -> Tensor:
    """The sum of left x and right eps, with one factor (B,) for each example."""
    shape = (-1,) + (1,) * (x.ndim - 1)
    return left.view(shape) * x + right.view(shape) * eps


def noisier_cases() -> list[tuple[Any, ...]]:
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


NOISIER = Exercise(
    id="01.2",
    title="from noisy to noisier, on any schedule",
    reference=noisier,
    cases=noisier_cases,
    mistakes=[
        Mistake(
            "noised as if clean",
            lambda x_s, s, t, eps, schedule: mixed(schedule.alpha(t), x_s, schedule.sigma(t), eps),
            "That jumps from clean data. In x_s the data has the factor alpha(s) already, "
            "and there is noise.",
        ),
        Mistake(
            "all the noise anew",
            lambda x_s, s, t, eps, schedule: mixed(
                ratio(s, t, schedule), x_s, schedule.sigma(t), eps
            ),
            "The data is right. The noise is too much: some of it is in x_s already.",
        ),
        Mistake(
            "deviations subtracted",
            lambda x_s, s, t, eps, schedule: mixed(
                ratio(s, t, schedule),
                x_s,
                schedule.sigma(t) - schedule.sigma(s),
                eps,
            ),
            "Standard deviations do not subtract; variances do. Square, subtract, then root.",
        ),
        Mistake(
            "shrunken deviations subtracted",
            lambda x_s, s, t, eps, schedule: mixed(
                ratio(s, t, schedule),
                x_s,
                schedule.sigma(t) - ratio(s, t, schedule) * schedule.sigma(s),
                eps,
            ),
            "Standard deviations do not subtract; variances do. You thought of the factor: "
            "now square both, subtract, then take the root.",
        ),
        Mistake(
            "old noise not shrunk",
            lambda x_s, s, t, eps, schedule: mixed(
                ratio(s, t, schedule),
                x_s,
                (schedule.sigma(t) ** 2 - schedule.sigma(s) ** 2).sqrt(),
                eps,
            ),
            "The factor of x_s shrinks the noise in it too: its variance is no longer sigma(s)^2.",
        ),
        Mistake(
            "factor not squared",
            lambda x_s, s, t, eps, schedule: mixed(
                ratio(s, t, schedule),
                x_s,
                (schedule.sigma(t) ** 2 - ratio(s, t, schedule) * schedule.sigma(s) ** 2).sqrt(),
                eps,
            ),
            "A factor acts on a variance squared: square the ratio as well as sigma(s).",
        ),
        Mistake(
            "no root",
            lambda x_s, s, t, eps, schedule: mixed(
                ratio(s, t, schedule), x_s, missing_variance(s, t, schedule), eps
            ),
            "You found the variance that is missing. A factor of eps is its square root.",
        ),
        Mistake(
            "variance kept",
            lambda x_s, s, t, eps, schedule: mixed(
                ratio(s, t, schedule),
                x_s,
                (1 - ratio(s, t, schedule) ** 2).sqrt(),
                eps,
            ),
            "That is right only where alpha^2 + sigma^2 = 1. Flow is not like that: ask the "
            "schedule for sigma.",
        ),
        Mistake(
            "times subtracted",
            lambda x_s, s, t, eps, schedule: mixed(
                schedule.alpha(t - s), x_s, schedule.sigma(t - s), eps
            ),
            "alpha(t - s) belongs to a way that starts at time 0. From s to t another factor is "
            "missing: the one that takes alpha(s) to alpha(t).",
        ),
        Mistake(
            "factors subtracted",
            lambda x_s, s, t, eps, schedule: mixed(
                schedule.alpha(t) - schedule.alpha(s),
                x_s,
                missing_variance(s, t, schedule).sqrt(),
                eps,
            ),
            "Factors multiply: what takes alpha(s) to alpha(t) is a ratio, not a difference.",
        ),
        Mistake(
            "ratio turned over",
            lambda x_s, s, t, eps, schedule: mixed(
                1 / ratio(s, t, schedule),
                x_s,
                missing_variance(s, t, schedule).sqrt(),
                eps,
            ),
            "The ratio is upside down: the data should get smaller, from alpha(s) to alpha(t).",
        ),
        Mistake(
            "fresh noise",
            lambda x_s, s, t, eps, schedule: noisier(x_s, s, t, torch.randn_like(eps), schedule),
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
                ratio(s, t, schedule), x_s, torch.zeros_like(t), eps
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
                ratio(s, t, schedule)[:, None, None, None] * x_s
                + missing_variance(s, t, schedule).sqrt()[:, None, None, None] * eps
            ),
            "That is right for images (B, C, H, W). Give the factors as many axes as x_s has.",
        ),
        Mistake(
            "factors along the last axis",
            lambda x_s, s, t, eps, schedule: (
                ratio(s, t, schedule) * x_s + missing_variance(s, t, schedule).sqrt() * eps
            ),
            "The factors went along the last axis. Give them the shape (B, 1, ...), with as "
            "many axes as x_s has.",
        ),
    ],
)
