"""Exercise 13.2: which gaps a pass fills, and which stay masked."""

from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Mistake


def accepted(probs: Tensor, gaps: Tensor, threshold: float) -> Tensor:
    """The sure gaps of each text, or its surest one."""
    return _accepted(probs, gaps, threshold)


def _accepted(
    probs: Tensor,
    gaps: Tensor,
    threshold: float,
    *,
    strict: bool = False,
    always: bool = False,
    never: bool = False,
    places: bool = False,
    finished: bool = False,
    by_batch: bool = False,
    rightmost: bool = False,
    keep_sure: bool = True,
) -> Tensor:
    sureness = probs.amax(-1)
    if not places:
        sureness = sureness.masked_fill(~gaps, -1)
    sure = sureness > threshold if strict else sureness >= threshold
    if rightmost:
        surest_at = gaps.shape[1] - 1 - sureness.flip(1).argmax(1, keepdim=True)
    else:
        surest_at = sureness.argmax(1, keepdim=True)
    surest = torch.zeros_like(gaps).scatter(1, surest_at, True)
    if not finished and not places:
        surest &= gaps
    if not keep_sure:
        return surest
    if never:
        return sure & gaps
    if always:
        return (sure & gaps) | surest
    if by_batch:
        return sure if bool(sure.any()) else surest
    return torch.where(sure.any(1, keepdim=True), sure, surest)


def cases() -> list[tuple[Any, ...]]:
    """Sure and unsure texts in one batch, ties, a whole text, sure words that are no gaps."""

    def case(batch: int, length: int, vocabulary: int, threshold: float, heat: float) -> Any:
        probs = (heat * torch.randn(batch, length, vocabulary)).softmax(-1)
        return probs, torch.rand(batch, length) < 0.6, threshold

    # Numbers that float32 holds exactly: a comparison in another precision is right, too.
    mixed = torch.tensor(
        [[0.9375, 0.625, 0.875], [0.5, 0.75, 0.75], [0.984375, 0.8125, 0.9375], [0.875] * 3]
    )
    mixed = torch.stack([mixed, 1 - mixed], dim=-1)  # (4, 3, 2)
    gaps = torch.tensor([[1, 1, 1], [1, 1, 1], [0, 1, 0], [0, 0, 0]]).bool()
    exactly = torch.tensor([[[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.2, 0.4, 0.4]]])
    return [
        (mixed, gaps, 0.875),
        (mixed, gaps, 0.984375),
        (exactly, torch.ones(1, 3).bool(), 0.5),
        case(5, 7, 4, 0.8, 2.0),
        case(6, 4, 9, 0.99, 1.0),
        case(3, 11, 3, 0.4, 1.0),
        case(4, 5, 6, 0.05, 1.0),
    ]


ACCEPTING = Exercise(
    id="13.2",
    title="what a pass accepts, and what stays masked",
    reference=accepted,
    cases=cases,
    mistakes=[
        Mistake(
            "the surest of a text is forgotten",
            lambda *a: _accepted(*a, never=True),
            "A text of which nothing is sure accepts nothing: the sampler would never end. It "
            "takes its surest gap.",
        ),
        Mistake(
            "the surest of the batch",
            lambda *a: _accepted(*a, by_batch=True),
            "Whether something is sure is asked of the whole batch. Ask each text: any(1).",
        ),
        Mistake(
            "places that are no gaps",
            lambda *a: _accepted(*a, places=True),
            "You accept places that are no gaps: a word stands there already.",
        ),
        Mistake(
            "whole texts",
            lambda *a: _accepted(*a, finished=True),
            "A text without gaps accepts something. It has nothing to find.",
        ),
        Mistake(
            "above the threshold",
            lambda *a: _accepted(*a, strict=True),
            "At least the threshold means >=. Yours refuses a gap exactly at it.",
        ),
        Mistake(
            "one a pass",
            lambda *a: _accepted(*a, keep_sure=False),
            "Yours accepts one gap only. All that are sure are accepted together.",
        ),
        Mistake(
            "the rightmost of equals",
            lambda *a: _accepted(*a, rightmost=True),
            "Of equally sure gaps the leftmost is accepted.",
        ),
        Mistake(
            "the reverse",
            lambda probs, gaps, threshold: gaps & ~_accepted(probs, gaps, threshold),
            "You return what stays masked. Return what is accepted.",
        ),
    ],
)
