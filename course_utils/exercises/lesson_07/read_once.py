"""Exercise 07.4: attention that reads each key once."""

import math
from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Mistake


def read_once(query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Attention of one query with running sums."""
    return _running(query, keys, values)


def _running(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    *,
    divide: bool = True,
    shrink_total: bool = True,
    shrink_mixed: bool = True,
    normalise: bool = True,
    start: float = -math.inf,
) -> Tensor:
    """The loop of `read_once`, with each of its steps as something that can be forgotten."""
    top, total, mixed = start, 0.0, torch.zeros_like(values[0])
    for key, value in zip(keys, values, strict=True):
        score = float(query @ key) / (math.sqrt(len(query)) if divide else 1)
        old, top = top, max(top, score)
        shrink, share = math.exp(old - top), math.exp(score - top)
        total = (shrink if shrink_total else 1) * total + share
        mixed = (shrink if shrink_mixed else 1) * mixed + share * value
    return mixed / total if normalise else mixed


def _naive(query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Running sums of exp(score) itself."""
    shares = (keys @ query / math.sqrt(len(query))).exp()
    return shares @ values / shares.sum()


def read_cases() -> list[tuple[Any, ...]]:
    """Scores that rise, fall, are huge or very negative; large but close; one key; other widths."""
    query, ramp = torch.randn(3), torch.linspace(0.2, 2, 9)[:, None]
    along = query / query.square().sum()
    return [
        (torch.randn(4), torch.randn(6, 4), torch.randn(6, 2)),
        (query, 8 * ramp * along, torch.randn(9, 5)),
        (query, 8 * ramp.flip(0) * along, torch.randn(9, 5)),
        (torch.full((2,), 100.0), 60 * torch.randn(7, 2), torch.randn(7, 3)),
        (torch.full((2,), 100.0), -40 - torch.rand(5, 2), torch.randn(5, 1)),
        (torch.full((4,), 64.0), 1 + torch.randint(-2, 3, (6, 4)) / 64, torch.randn(6, 3)),  # 128
        (torch.randn(5), torch.randn(1, 5), torch.randn(1, 4)),
        (torch.zeros(3), torch.randn(8, 3), torch.randn(8, 3)),
    ]


READ_ONCE = Exercise(
    id="07.4",
    title="attention that reads each key once",
    reference=read_once,
    cases=read_cases,
    mistakes=[
        Mistake(
            "exp of the scores as they are",
            _naive,
            "Some exponentials are inf or all are 0, so the result is nan. Take the largest "
            "score so far from each exponent.",
        ),
        Mistake(
            "old terms not shrunk",
            lambda q, k, v: _running(q, k, v, shrink_total=False, shrink_mixed=False),
            "When a new largest score comes, the old sums were made with the old one. Multiply "
            "both by exp(old largest - new largest).",
        ),
        Mistake(
            "only the sum of values shrunk",
            lambda q, k, v: _running(q, k, v, shrink_total=False),
            "The sum of the values is shrunk when a new largest score comes. The sum of the "
            "weights must shrink by the same factor.",
        ),
        Mistake(
            "only the sum of weights shrunk",
            lambda q, k, v: _running(q, k, v, shrink_mixed=False),
            "The sum of the weights is shrunk when a new largest score comes. The sum of the "
            "values must shrink by the same factor.",
        ),
        Mistake(
            "not divided by the root of K",
            lambda q, k, v: _running(q, k, v, divide=False),
            "The scores are not divided. Divide by the square root of the width K, len(query).",
        ),
        Mistake(
            "divided by the root of T",
            lambda q, k, v: _running(q * math.sqrt(len(q) / len(k)), k, v),
            "The scores are divided by the root of the number of keys. The width counts: "
            "len(query).",
        ),
        Mistake(
            "not normalised",
            lambda q, k, v: _running(q, k, v, normalise=False),
            "This is the sum of the values times their terms. Divide by the sum of the terms.",
        ),
        Mistake(
            "largest starts at zero",
            lambda q, k, v: _running(q, k, v, start=0.0),
            "The largest score so far starts at 0. If all scores are far below 0, every term "
            "is exp of a very negative number, which is 0. Start at -math.inf.",
        ),
        Mistake(
            "the mean of the values",
            lambda q, k, v: v.mean(dim=0),
            "All keys count alike: this is the mean of the values.",
        ),
    ],
)
