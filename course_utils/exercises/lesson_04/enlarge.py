"""04.2: a whole image with known block means."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from course_utils.diffusion import Cosine, Flow, LinearBeta, Schedule
from course_utils.exercises import Exercise, Mistake

Net = Callable[[Tensor, Tensor], Tensor]


def spread_out(small: Tensor, factor: int) -> Tensor:
    """Each value, over its block."""
    return small.repeat_interleave(factor, -1).repeat_interleave(factor, -2)


def corrected(x0: Tensor, small: Tensor) -> Tensor:
    """The guess with the block means that are known."""
    factor = x0.shape[-1] // small.shape[-1]
    return x0 + spread_out(small - avg_pool2d(x0, factor), factor)


def left_over(x0: Tensor, x: Tensor, t: float, schedule: Schedule) -> Tensor:
    """The noise that is in x at time t if the guess is right."""
    return (x - schedule.alpha(t) * x0) / schedule.sigma(t)


def moved(x0: Tensor, noise: Tensor, s: float, schedule: Schedule) -> Tensor:
    """The mixture of a guess and its noise at time s."""
    return schedule.alpha(s) * x0 + schedule.sigma(s) * noise


def enlarge(
    denoise: Net, small: Tensor, x: Tensor, times: Sequence[float], schedule: Schedule
) -> Tensor:
    """A deterministic sampler whose guess is corrected in each step."""
    for t, s in pairwise(times):
        x0 = corrected(denoise(x, torch.full((len(x),), t)), small)
        x = moved(x0, left_over(x0, x, t, schedule), s, schedule)
    return x


def bent(x: Tensor, t: Tensor) -> Tensor:
    """A guess that depends on the state, its neighbours, and its time."""
    if not isinstance(t, Tensor) or t.shape != (len(x),):
        shape = tuple(t.shape) if isinstance(t, Tensor) else t
        raise ValueError(f"denoise wants one time for each example, ({len(x)},); got {shape}.")
    return (x + 0.5 * x.roll(1, -1) + t.reshape(-1, 1, 1, 1)).tanh() + 0.3 * x


def enlarge_cases() -> list[tuple[Any, ...]]:
    """Three schedules, factors, numbers of channels and of steps; images that are not square."""
    return [
        (bent, torch.randn(3, 1, 2, 2), torch.randn(3, 1, 4, 4), [1.0, 0.6, 0.3, 0.0], Cosine()),
        (bent, torch.randn(2, 2, 1, 2), torch.randn(2, 2, 4, 8), [0.9, 0.5, 0.0], Flow()),
        (bent, 3 * torch.randn(1, 1, 3, 2), torch.randn(1, 1, 9, 6), [1.0, 0.2, 0.1, 0.0], Flow()),
        (bent, torch.randn(4, 3, 2, 1), torch.randn(4, 3, 4, 2), [0.8, 0.0], LinearBeta()),
    ]


def walk(step: Callable[..., Tensor], after: Callable[..., Tensor] | None = None) -> Any:
    """A sampler around x_s = step(guess, x, t, s, small, schedule), and a last touch."""

    def answer(
        denoise: Net, small: Tensor, x: Tensor, times: Sequence[float], schedule: Schedule
    ) -> Tensor:
        for t, s in pairwise(times):
            x = step(denoise(x, torch.full((len(x),), t)), x, t, s, small, schedule)
        return after(x, small) if after else x

    return answer


def plain(guess: Tensor, x: Tensor, t: float, s: float, small: Tensor, sch: Schedule) -> Tensor:
    """A step without any correction."""
    return moved(guess, left_over(guess, x, t, sch), s, sch)


def noise_before(
    guess: Tensor, x: Tensor, t: float, s: float, small: Tensor, sch: Schedule
) -> Tensor:
    """Corrects the guess after its noise was worked out."""
    return moved(corrected(guess, small), left_over(guess, x, t, sch), s, sch)


def with_guess(change: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """A step with another correction of the guess."""

    def step(guess: Tensor, x: Tensor, t: float, s: float, small: Tensor, sch: Schedule) -> Tensor:
        return plain(change(guess, small), x, t, s, small, sch)

    return step


def replaced(guess: Tensor, small: Tensor) -> Tensor:
    """Forgets what the guess says inside a block."""
    return spread_out(small, guess.shape[-1] // small.shape[-1]) + 0 * guess


def wrong_sign(guess: Tensor, small: Tensor) -> Tensor:
    """Adds what is too much."""
    return 2 * guess - corrected(guess, small)


def divided(guess: Tensor, small: Tensor) -> Tensor:
    """Shares the amount among the pixels of the block."""
    factor = guess.shape[-1] // small.shape[-1]
    return guess + (corrected(guess, small) - guess) / factor**2


def tiled(guess: Tensor, small: Tensor) -> Tensor:
    """Repeats the small image side by side instead of each value over its block."""
    factor = guess.shape[-1] // small.shape[-1]
    return guess + (small - avg_pool2d(guess, factor)).repeat(1, 1, factor, factor)


def smooth(guess: Tensor, small: Tensor) -> Tensor:
    """Spreads the amount by interpolation, which does not keep the means."""
    factor = guess.shape[-1] // small.shape[-1]
    wrong = small - avg_pool2d(guess, factor)
    return guess + interpolate(wrong, scale_factor=factor, mode="bilinear")


def corner(guess: Tensor, small: Tensor) -> Tensor:
    """Takes one pixel of each block for its mean."""
    factor = guess.shape[-1] // small.shape[-1]
    return guess + spread_out(small - guess[..., ::factor, ::factor], factor)


def state_corrected(
    guess: Tensor, x: Tensor, t: float, s: float, small: Tensor, sch: Schedule
) -> Tensor:
    """Corrects the state as if there were no noise in it."""
    return corrected(plain(guess, x, t, s, small, sch), small)


def keeps_variance(
    guess: Tensor, x: Tensor, t: float, s: float, small: Tensor, sch: Schedule
) -> Tensor:
    """Believes in alpha^2 + sigma^2 = 1."""
    x0, now, then = corrected(guess, small), sch.alpha(t), sch.alpha(s)
    eps = (x - now * x0) / (1 - now**2).sqrt()
    return then * x0 + (1 - then**2).sqrt() * eps


def jumps(guess: Tensor, x: Tensor, t: float, s: float, small: Tensor, sch: Schedule) -> Tensor:
    """Takes the guess for the next state."""
    return corrected(guess, small)


ENLARGE = Exercise(
    id="04.2",
    title="a whole image with known block means",
    reference=enlarge,
    cases=enlarge_cases,
    mistakes=[
        Mistake("not corrected", walk(plain), "The guess was not corrected: small is not used."),
        Mistake(
            "corrected at the end only",
            walk(plain, lambda x, small: corrected(x, small)),
            "Only the last image was corrected. The model must see what is known in every step.",
        ),
        Mistake(
            "noise before the correction",
            walk(noise_before),
            "Your noise belongs to the guess before its correction. Correct first, then work out "
            "the noise: the two must still add up to x.",
        ),
        Mistake(
            "state corrected",
            walk(state_corrected),
            "You corrected the state, which holds noise. Correct the guess of the data.",
        ),
        Mistake(
            "blocks replaced",
            walk(with_guess(replaced)),
            "This replaces each block by its mean, and what the guess drew inside is lost. Add "
            "the difference of the means.",
        ),
        Mistake(
            "wrong sign",
            walk(with_guess(wrong_sign)),
            "The sign is wrong: add what is known minus what the guess has.",
        ),
        Mistake(
            "divided by the number of pixels",
            walk(with_guess(divided)),
            "Each pixel of the block gets the whole difference: then the mean moves by it.",
        ),
        Mistake(
            "tiled",
            walk(with_guess(tiled)),
            "repeat lays copies side by side. Each value belongs over its own block: "
            "repeat_interleave.",
        ),
        Mistake(
            "interpolated",
            walk(with_guess(smooth)),
            "Interpolating the difference does not keep the block means. Repeat it over the block.",
        ),
        Mistake(
            "one pixel for the mean",
            walk(with_guess(corner)),
            "This compares one pixel of each block. Compare its mean: avg_pool2d.",
        ),
        Mistake(
            "sigma from alpha",
            walk(keeps_variance),
            "sigma is not sqrt(1 - alpha^2) in every schedule: ask schedule.sigma(t).",
        ),
        Mistake(
            "jumps to the guess",
            walk(jumps),
            "You went all the way to the guess. Only go to time s: mix the noise in again.",
        ),
    ],
)
