"""04.1: the contrast that guidance adds, taken back."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Mistake


def guided(none: Tensor, label: Tensor, scale: float) -> Tensor:
    """The guess under guidance."""
    return none + scale * (label - none)


def spread(x: Tensor) -> Tensor:
    """(B, 1, ...) standard deviation of all values of each example."""
    return x.std(dim=tuple(range(1, x.ndim)), keepdim=True)


def rescaled(none: Tensor, label: Tensor, scale: float, share: float) -> Tensor:
    """The guided guess, with its contrast taken back by a share."""
    guess = guided(none, label, scale)
    return share * guess * spread(label) / spread(guess) + (1 - share) * guess


def rescale_cases() -> list[tuple[Any, ...]]:
    """Points, images of two channels and a single image; examples of very different contrast."""
    calls: list[tuple[Any, ...]] = []
    for shape, scale, share in (
        ((4, 6), 3.0, 0.7),
        ((3, 2, 4, 4), 7.0, 0.25),
        ((1, 1, 5, 5), 1.5, 1.0),
        ((2, 3), -1.0, 0.5),
        ((5, 1, 3, 3), 2.0, 0.0),
    ):
        none, label = torch.randn(2, *shape) + 0.5
        size = (2.0 ** torch.arange(shape[0])).reshape(-1, *[1] * (len(shape) - 1))
        calls.append((size * none, size * label, scale, share))
    return calls


def by(ratio: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """An answer that multiplies by another ratio of (label, guess, none)."""

    def answer(none: Tensor, label: Tensor, scale: float, share: float) -> Tensor:
        guess = guided(none, label, scale)
        return share * ratio(label, guess, none) * guess + (1 - share) * guess

    return answer


def root_mean_square(x: Tensor) -> Tensor:
    """(B, 1, ...) root of the mean square of all values of each example."""
    return x.square().mean(dim=tuple(range(1, x.ndim)), keepdim=True).sqrt()


def about_its_mean(none: Tensor, label: Tensor, scale: float, share: float) -> Tensor:
    """Keeps the mean of the guess while it shrinks the rest."""
    guess = guided(none, label, scale)
    mean = guess.mean(dim=tuple(range(1, guess.ndim)), keepdim=True)
    shrunk = mean + (guess - mean) * spread(label) / spread(guess)
    return share * shrunk + (1 - share) * guess


RESCALE = Exercise(
    id="04.1",
    title="the contrast that guidance adds, taken back",
    reference=rescaled,
    cases=rescale_cases,
    mistakes=[
        Mistake(
            "one ratio for the batch",
            by(lambda label, guess, none: label.std() / guess.std()),
            "This takes one standard deviation for the whole batch. Each image has its own ratio.",
        ),
        Mistake(
            "upside down",
            by(lambda label, guess, none: spread(guess) / spread(label)),
            "The ratio is upside down: it should shrink a guess that spreads too far.",
        ),
        Mistake(
            "ratio to the guess without a label",
            by(lambda label, guess, none: spread(none) / spread(guess)),
            "The contrast to go back to is that of the guess with the label, not of the other.",
        ),
        Mistake(
            "variances",
            by(lambda label, guess, none: (spread(label) / spread(guess)) ** 2),
            "This is the ratio of the variances. Take that of the standard deviations.",
        ),
        Mistake(
            "root mean square",
            by(lambda label, guess, none: root_mean_square(label) / root_mean_square(guess)),
            "A standard deviation is taken about the mean of the image: use std.",
        ),
        Mistake(
            "about its mean",
            about_its_mean,
            "You shrink the guess about its mean. Multiply the whole guess by the ratio.",
        ),
        Mistake(
            "share swapped",
            lambda none, label, scale, share: rescaled(none, label, scale, 1 - share),
            "share is the part of the shrunk guess; 0 gives plain guidance.",
        ),
        Mistake(
            "not mixed",
            lambda none, label, scale, share: rescaled(none, label, scale, 1.0),
            "The shrunk guess was not mixed with the guided one: share says how much of each.",
        ),
        Mistake(
            "mixed with the guess that has the label",
            lambda none, label, scale, share: (
                rescaled(none, label, scale, 1.0) * share + (1 - share) * label
            ),
            "The other part of the mixture is the guided guess, not the one with the label.",
        ),
        Mistake(
            "scale counted from 0",
            lambda none, label, scale, share: rescaled(none, label, scale + 1, share),
            "Here scale 1 is no guidance: none + scale * (label - none). Some papers count from 0.",
        ),
        Mistake(
            "guided from the label on",
            lambda none, label, scale, share: rescaled(
                none, label + scale * (label - none), 1.0, share
            ),
            "Guidance starts from the guess without a label, and walks towards the other.",
        ),
        Mistake(
            "swapped",
            lambda none, label, scale, share: rescaled(label, none, scale, share),
            "The two guesses are swapped: guidance walks from none towards label.",
        ),
    ],
)
