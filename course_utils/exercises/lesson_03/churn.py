"""03.3: a sampler that goes back up in noise before each step."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from course_utils.diffusion import Cosine, Flow, LinearBeta, Schedule
from course_utils.exercises import Exercise, Mistake

Says = Callable[[Tensor, float], Tensor]
Times = Sequence[float]
Up = Callable[[Tensor, float, float, Tensor, Schedule], Tensor]


def churned(
    denoise: Says, x: Tensor, times: Times, ups: Times, schedule: Schedule, zs: Sequence[Tensor]
) -> Tensor:
    """Up to ups[k] with fresh noise, down to times[k + 1], again and again."""
    return walk(raised)(denoise, x, times, ups, schedule, zs)


def raised(x: Tensor, t: float, up: float, z: Tensor, schedule: Schedule) -> Tensor:
    """From time t to the noisier time up."""
    ratio = schedule.alpha(up) / schedule.alpha(t)
    missing = schedule.sigma(up) ** 2 - (ratio * schedule.sigma(t)) ** 2
    return ratio * x + missing.clamp(min=0).sqrt() * z


def lowered(denoise: Says, x: Tensor, t: float, s: float, schedule: Schedule) -> Tensor:
    """One DDIM step from t to s."""
    guess = denoise(x, t)
    eps = (x - schedule.alpha(t) * guess) / schedule.sigma(t)
    return schedule.alpha(s) * guess + schedule.sigma(s) * eps


def walk(up: Up, down: Callable[..., Tensor] = lowered) -> Callable[..., Tensor]:
    """A sampler of these two moves."""

    def sampler(
        denoise: Says, x: Tensor, times: Times, ups: Times, schedule: Schedule, zs: Sequence[Tensor]
    ) -> Tensor:
        for (t, s), high, z in zip(pairwise(times), ups, zs, strict=True):
            x = down(denoise, up(x, t, high, z, schedule), high, s, schedule)
        return x

    return sampler


def says(x: Tensor, t: float) -> Tensor:
    """A guess that bends with the state and its time."""
    return (x * (1 + t)).tanh() + 0.3 * t


def churn_cases() -> list[tuple[Any, ...]]:
    """Three schedules, points and images; steps that do not go up at all; one step only."""
    settings = [
        (Cosine(), (4, 2), [0.9, 0.6, 0.3, 0.0], [0.95, 0.7, 0.35]),
        (Flow(), (2, 1, 3, 3), [0.8, 0.5, 0.0], [0.9, 0.65]),
        (LinearBeta(), (3, 5), [0.99, 0.7, 0.4, 0.2, 0.05], [0.99, 0.8, 0.4, 0.3]),
        (Flow(), (1, 2), [0.5, 0.1], [0.75]),
    ]
    return [
        (says, torch.randn(shape), times, ups, schedule, list(torch.randn(len(ups), *shape)))
        for schedule, shape, times, ups in settings
    ]


def difference_of_deviations(
    x: Tensor, t: float, up: float, z: Tensor, schedule: Schedule
) -> Tensor:
    """Subtracts standard deviations."""
    ratio = schedule.alpha(up) / schedule.alpha(t)
    return ratio * x + (schedule.sigma(up) - ratio * schedule.sigma(t)) * z


def data_kept(x: Tensor, t: float, up: float, z: Tensor, schedule: Schedule) -> Tensor:
    """Adds noise and does not shrink: EDM's own line, where alpha is 1."""
    return x + (schedule.sigma(up) ** 2 - schedule.sigma(t) ** 2).sqrt() * z


def as_if_clean(x: Tensor, t: float, up: float, z: Tensor, schedule: Schedule) -> Tensor:
    """The jump from clean data."""
    return schedule.alpha(up) * x + schedule.sigma(up) * z


def all_anew(x: Tensor, t: float, up: float, z: Tensor, schedule: Schedule) -> Tensor:
    """The data right, the old noise not counted."""
    return schedule.alpha(up) / schedule.alpha(t) * x + schedule.sigma(up) * z


def old_noise_not_shrunk(x: Tensor, t: float, up: float, z: Tensor, schedule: Schedule) -> Tensor:
    """The variance of the old noise as if it had not shrunk."""
    ratio = schedule.alpha(up) / schedule.alpha(t)
    return ratio * x + (schedule.sigma(up) ** 2 - schedule.sigma(t) ** 2).sqrt() * z


def keeps_variance(x: Tensor, t: float, up: float, z: Tensor, schedule: Schedule) -> Tensor:
    """Believes in alpha^2 + sigma^2 = 1."""
    ratio = schedule.alpha(up) / schedule.alpha(t)
    return ratio * x + (1 - ratio**2).clamp(min=0).sqrt() * z


def no_root(x: Tensor, t: float, up: float, z: Tensor, schedule: Schedule) -> Tensor:
    """The variance in place of the deviation."""
    ratio = schedule.alpha(up) / schedule.alpha(t)
    return ratio * x + (schedule.sigma(up) ** 2 - (ratio * schedule.sigma(t)) ** 2) * z


def down_from_below(
    denoise: Says, x: Tensor, times: Times, ups: Times, schedule: Schedule, zs: Sequence[Tensor]
) -> Tensor:
    """After going up, steps down as if it had not."""
    for (t, s), up, z in zip(pairwise(times), ups, zs, strict=True):
        x = lowered(denoise, raised(x, t, up, z, schedule), t, s, schedule)
    return x


def asks_below(
    denoise: Says, x: Tensor, times: Times, ups: Times, schedule: Schedule, zs: Sequence[Tensor]
) -> Tensor:
    """Asks the denoiser about the state before it went up."""
    for (t, s), up, z in zip(pairwise(times), ups, zs, strict=True):
        guess, high = denoise(x, t), raised(x, t, up, z, schedule)
        x = lowered(lambda *_, guess=guess: guess, high, up, s, schedule)
    return x


def one_noise(
    denoise: Says, x: Tensor, times: Times, ups: Times, schedule: Schedule, zs: Sequence[Tensor]
) -> Tensor:
    """The same noise in every step."""
    return churned(denoise, x, times, ups, schedule, [zs[0]] * len(ups))


def stays_below(
    denoise: Says, x: Tensor, times: Times, ups: Times, schedule: Schedule, zs: Sequence[Tensor]
) -> Tensor:
    """Never goes up."""
    return walk(lambda x, t, up, z, schedule: x, lowered)(
        denoise, x, times, times[:-1], schedule, zs
    )


CHURN = Exercise(
    id="03.3",
    title="a sampler that goes back up in noise",
    reference=churned,
    cases=churn_cases,
    mistakes=[
        Mistake(
            "never goes up",
            stays_below,
            "This is plain DDIM: no noise was added. Go up to ups[k] first.",
        ),
        Mistake(
            "data not shrunk",
            walk(data_kept),
            "Going up, the data shrinks too: x gets the factor alpha(up) / alpha(t). Without it "
            "this is right only where alpha is 1, as in EDM's own schedule.",
        ),
        Mistake(
            "as if clean",
            walk(as_if_clean),
            "That noises x as if it were clean data. It holds alpha(t) of the data and some noise "
            "already.",
        ),
        Mistake(
            "all the noise anew",
            walk(all_anew),
            "Too much noise: part of what belongs at the upper time is in x already.",
        ),
        Mistake(
            "deviations subtracted",
            walk(difference_of_deviations),
            "Standard deviations do not subtract; variances do.",
        ),
        Mistake(
            "old noise not shrunk",
            walk(old_noise_not_shrunk),
            "The factor of x shrinks its noise too: it leaves ratio^2 sigma(t)^2 of variance.",
        ),
        Mistake(
            "variance taken as kept",
            walk(keeps_variance),
            "sigma^2 is not 1 - alpha^2 in every schedule: ask schedule.sigma.",
        ),
        Mistake(
            "no root",
            walk(no_root),
            "z is multiplied by a standard deviation: take the root of the variance.",
        ),
        Mistake(
            "down from the lower time",
            down_from_below,
            "After going up the state is at time ups[k]. The step down must start there.",
        ),
        Mistake(
            "asked before going up",
            asks_below,
            "Ask the denoiser after going up, about the state there and with its time.",
        ),
        Mistake(
            "one noise for all",
            one_noise,
            "Each step has its own fresh noise: zs[k].",
        ),
        Mistake(
            "guess instead of a step",
            walk(raised, lambda denoise, x, t, s, schedule: denoise(x, t)),
            "You went all the way to the guess. Mix it with its noise for the next time.",
        ),
    ],
)
