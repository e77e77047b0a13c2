"""Exercise 07.1: the softmax for scores of any size."""

import math
from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Mistake


def safe_softmax(scores: Tensor) -> Tensor:
    """The softmax over the last axis, without torch's."""
    return _shares(scores, scores.amax(dim=-1, keepdim=True))


def _shares(scores: Tensor, top: Any, axis: int = -1) -> Tensor:
    """exp(scores - top) divided by its sum over an axis."""
    shares = (scores - top).exp()
    return shares / shares.sum(dim=axis, keepdim=True)


def scores_cases() -> list[tuple[Any, ...]]:
    """Mild and huge scores, rows of unlike size, equal, zero and hidden ones, one to three axes."""
    unlike = torch.stack([torch.randn(6) + shift for shift in (-1e4, 0.0, 1e4, 300.0)])
    hidden = torch.randn(2, 3, 5).masked_fill(torch.rand(2, 3, 5) < 0.4, -math.inf)
    hidden[..., 0] = torch.tensor([-2e3, 0.0, 2e3])
    return [
        (torch.randn(4, 4),),
        (torch.tensor([1000.0, 999.0, -1000.0]),),
        (torch.tensor([[0.0, 120.0, 60.0]]),),  # too far apart for exp, near enough to their mean
        (unlike,),
        (torch.tensor([[-1e4, 1e4], [0.0, 0.0], [-1e4, -1e4]]),),
        (hidden,),
    ]


SOFTMAX = Exercise(
    id="07.1",
    title="a softmax for scores of any size",
    reference=safe_softmax,
    cases=scores_cases,
    tolerance=2e-3,  # scores of 10,000 have three digits after the point: log-sum-exp rounds
    mistakes=[
        Mistake(
            "exp of the scores as they are",
            lambda s: _shares(s, 0.0),
            "exp(1000) is inf, inf / inf is nan, and exp(-1000) is 0 in every place. Take the "
            "largest score of each row from that row first.",
        ),
        Mistake(
            "the largest of all rows",
            lambda s: _shares(s, s.max()),
            "You take the largest score of all rows from every row. In a row of much smaller "
            "ones all exponentials are then 0, and 0 / 0 is nan. Each row needs its own: "
            "amax(dim=-1, keepdim=True).",
        ),
        Mistake(
            "the smallest",
            lambda s: _shares(s, s.amin(dim=-1, keepdim=True)),
            "You take away the smallest score, so the exponents are above 0 and overflow. Take "
            "away the largest.",
        ),
        Mistake(
            "the mean",
            lambda s: _shares(s, s.mean(dim=-1, keepdim=True)),
            "You take away the mean, and a score of 1000 above it still overflows. Take away "
            "the largest.",
        ),
        Mistake(
            "clamped",
            lambda s: _shares(s.clamp(-80, 80), 0.0),
            "Clamping keeps exp finite but changes the weights: 1000 and 999 become equal. "
            "Taking the same number from all scores of a row changes nothing.",
        ),
        Mistake(
            "max gives two things",
            lambda s: _shares(s, s.max(dim=-1, keepdim=True)),
            "max with dim returns the values and their places. Take .values, or use amax.",
        ),
        Mistake(
            "max without keepdim",
            lambda s: _shares(s, s.amax(dim=-1)),
            "amax without keepdim=True drops the axis, so row i does not meet its own largest "
            "score, or the shapes do not fit at all. Write keepdim=True.",
        ),
        Mistake(
            "sum without keepdim",
            lambda s: (
                (s - s.amax(-1, keepdim=True)).exp() / (s - s.amax(-1, keepdim=True)).exp().sum(-1)
            ),
            "sum without keepdim=True drops the axis, so row i is not divided by its own sum, "
            "or the shapes do not fit at all. Write keepdim=True.",
        ),
        Mistake(
            "over the wrong axis",
            lambda s: _shares(s, s.amax(dim=0, keepdim=True), axis=0),
            "The first axis sums to one. The softmax goes over the last: dim=-1 both for the "
            "largest and for the sum.",
        ),
        Mistake(
            "one sum for all rows",
            lambda s: safe_softmax(s) / s.numel() * s.shape[-1],
            "All rows together sum to one. Each row must: sum over dim=-1.",
        ),
        Mistake(
            "not divided",
            lambda s: (s - s.amax(dim=-1, keepdim=True)).exp(),
            "The exponentials are right. Divide each row by its sum.",
        ),
        Mistake(
            "no exp",
            lambda s: (
                (s - s.amax(-1, keepdim=True))
                / (s - s.amax(-1, keepdim=True)).sum(-1, keepdim=True)
            ),
            "There is no exponential: the scores themselves are divided by their sum.",
        ),
    ],
)
