"""02.2: the sampler, watched and clipped."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from course_utils.diffusion import Cosine, Flow, LinearBeta, Schedule
from course_utils.exercises import Exercise, Mistake

Net = Callable[[Tensor, Tensor], Tensor]


def watched(
    denoise: Net, x: Tensor, times: Sequence[float], schedule: Schedule, limit: float
) -> Iterator[Tensor]:
    """The deterministic sampler with clipped guesses, yielding each state."""
    for t, s in pairwise(times):
        guess = denoise(x, torch.full((len(x),), t)).clamp(-limit, limit)
        x = moved(guess, left_over(guess, x, t, schedule), s, schedule)
        yield x


def moved(guess: Tensor, noise: Tensor, s: float, schedule: Schedule) -> Tensor:
    """The mixture of a guess and its noise at time s."""
    return schedule.alpha(s) * guess + schedule.sigma(s) * noise


def left_over(guess: Tensor, x: Tensor, t: float, schedule: Schedule) -> Tensor:
    """The noise that is in x at time t if the guess is right."""
    return (x - schedule.alpha(t) * guess) / schedule.sigma(t)


def strict_denoiser(x: Tensor, t: Tensor) -> Tensor:
    """A guess that depends on the state and its time, and often leaves every limit."""
    if not isinstance(t, Tensor) or t.shape != (len(x),):
        shape = tuple(t.shape) if isinstance(t, Tensor) else t
        raise ValueError(f"denoise wants one time for each example, ({len(x)},); got {shape}.")
    return 1.5 * x + t.reshape(-1, *[1] * (x.ndim - 1)).to(x)


def sampler_cases() -> list[tuple[Any, ...]]:
    """Points and images, even and uneven times, three schedules, one step and many."""
    return [
        (strict_denoiser, torch.randn(3, 2), [1.0, 0.75, 0.5, 0.25, 0.0], Cosine(), 1.0),
        (strict_denoiser, 2 * torch.randn(2, 1, 4, 4), [0.9, 0.7, 0.1, 0.0], Flow(), 0.5),
        (strict_denoiser, torch.randn(5, 3), [1.0, 0.3, 0.05], LinearBeta(), 2.0),
        (strict_denoiser, 100 * torch.randn(1, 2), [0.99, 0.0], Flow(), 1.0),
    ]


def walk(step: Callable[..., Tensor], before: bool = False) -> Callable[..., Iterator[Tensor]]:
    """A sampler around x_s = step(guess, x, t, s, schedule, limit), with the guess not clipped."""

    def sampler(
        denoise: Net, x: Tensor, times: Sequence[float], schedule: Schedule, limit: float
    ) -> Iterator[Tensor]:
        if before:
            yield x
        for t, s in pairwise(times):
            guess = denoise(x, torch.full((len(x),), t))
            x = step(guess, x, t, s, schedule, limit)
            yield x

    return sampler


def right_step(
    guess: Tensor, x: Tensor, t: float, s: float, schedule: Schedule, limit: float
) -> Tensor:
    """One step of `watched`."""
    guess = guess.clamp(-limit, limit)
    return moved(guess, left_over(guess, x, t, schedule), s, schedule)


def guesses_yielded(
    denoise: Net, x: Tensor, times: Sequence[float], schedule: Schedule, limit: float
) -> Iterator[Tensor]:
    """Yields what the denoiser says instead of where the sampler is."""
    for t, s in pairwise(times):
        guess = denoise(x, torch.full((len(x),), t)).clamp(-limit, limit)
        x = moved(guess, left_over(guess, x, t, schedule), s, schedule)
        yield guess


def keeps_variance(
    guess: Tensor, x: Tensor, t: float, s: float, schedule: Schedule, limit: float
) -> Tensor:
    """Believes in alpha^2 + sigma^2 = 1."""
    guess = guess.clamp(-limit, limit)
    now, then = (torch.as_tensor(schedule.alpha(time)) for time in (t, s))
    noise = (x - now * guess) / (1 - now**2).sqrt()
    return then * guess + (1 - then**2).sqrt() * noise


SAMPLER = Exercise(
    id="02.2",
    title="the sampler, watched and clipped",
    reference=watched,
    cases=sampler_cases,
    mistakes=[
        Mistake(
            "not clipped",
            walk(lambda guess, x, t, s, sch, _: moved(guess, left_over(guess, x, t, sch), s, sch)),
            "The guess was not clipped: limit it to -limit ... limit before it is used.",
        ),
        Mistake(
            "noise of the guess before clipping",
            walk(
                lambda guess, x, t, s, sch, limit: moved(
                    guess.clamp(-limit, limit), left_over(guess, x, t, sch), s, sch
                )
            ),
            "The noise belongs to the guess before clipping. Clip first, then work out the noise: "
            "the two must still add up to x.",
        ),
        Mistake(
            "state clipped",
            walk(
                lambda guess, x, t, s, sch, limit: moved(
                    guess, left_over(guess, x, t, sch), s, sch
                ).clamp(-limit, limit)
            ),
            "You clipped the state. It holds noise and may be large: clip the guess.",
        ),
        Mistake(
            "only upper limit",
            walk(
                lambda guess, x, t, s, sch, limit: right_step(
                    guess.clamp(max=limit), x, t, s, sch, float("inf")
                )
            ),
            "Only the upper side was clipped. The limit holds on both sides.",
        ),
        Mistake(
            "from 0 to the limit",
            walk(
                lambda guess, x, t, s, sch, limit: right_step(
                    guess.clamp(0, limit), x, t, s, sch, float("inf")
                )
            ),
            "The lower limit is -limit, not 0.",
        ),
        Mistake(
            "jumps to the guess",
            walk(lambda guess, x, t, s, sch, limit: guess.clamp(-limit, limit)),
            "You went all the way to the guess. Only go to time s: mix the noise in again.",
        ),
        Mistake(
            "stays at its time",
            walk(lambda guess, x, t, s, sch, limit: right_step(guess, x, t, t, sch, limit)),
            "The new state has the alpha and sigma of time t. It should be at time s.",
        ),
        Mistake(
            "noise from the wrong time",
            walk(
                lambda guess, x, t, s, sch, limit: moved(
                    guess.clamp(-limit, limit),
                    (x - sch.alpha(s) * guess.clamp(-limit, limit)) / max(sch.sigma(s), 1e-9),
                    s,
                    sch,
                )
            ),
            "x is at time t, so the noise in it is (x - alpha(t) guess) / sigma(t).",
        ),
        Mistake(
            "yields the start too",
            walk(right_step, before=True),
            "Yield after each step, one state for each: the start is not one of them.",
        ),
        Mistake(
            "yields the guess",
            guesses_yielded,
            "You yield the guesses. Yield x, the state after the step.",
        ),
        Mistake(
            "sigma from alpha",
            walk(keeps_variance),
            "sigma is not sqrt(1 - alpha^2) in every schedule: ask schedule.sigma.",
        ),
    ],
)
