"""Exercise 10.1: cross-attention, in one look over several sources."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Mistake

Source = tuple[Tensor, Tensor, Tensor]  # keys (B, S, K), values (B, S, K), real (B, S)


def look_at_several(query: Tensor, sources: list[Source]) -> Tensor:
    """One softmax over the words of all sources; queries (B, T, K) in, (B, T, K) out."""
    return _look(query, sources)


def _look(
    query: Tensor,
    sources: list[Source],
    *,
    fill: float = -math.inf,
    power: float = 0.5,
    axis: int = -1,
    causal: bool = False,
    swapped: bool = False,
) -> Tensor:
    """Cross-attention with one of its usual slips, or none."""
    keys, values, real = (torch.cat(parts, dim=1) for parts in zip(*sources, strict=True))
    if swapped:
        keys, values = values, keys
    scores = query @ keys.mT / query.shape[-1] ** power  # (B, T, all S)
    scores = scores.masked_fill(~real[:, None], fill)
    if causal:
        scores = scores.masked_fill(torch.ones_like(scores).triu(1).bool(), -math.inf)
    return scores.softmax(dim=axis) @ values


def _slip(**slip: Any) -> Callable[..., Tensor]:
    """Cross-attention with this slip."""
    return lambda query, sources: _look(query, sources, **slip)


def _hide_late(query: Tensor, sources: list[Source]) -> Tensor:
    """The mask comes after the softmax."""
    keys, values, real = (torch.cat(parts, dim=1) for parts in zip(*sources, strict=True))
    weights = (query @ keys.mT / math.sqrt(query.shape[-1])).softmax(-1)
    return (weights * real[:, None]) @ values


def _unmasked(sources: list[Source]) -> list[Source]:
    """The same sources, padding counted as words."""
    return [(keys, values, torch.ones_like(real)) for keys, values, real in sources]


def several_cases() -> list[tuple[Any, ...]]:
    """One to three sources, more queries than words and fewer, one source all padding for a row."""

    def source(*lengths: int, width: int) -> Source:
        keys, values = torch.randn(2, len(lengths), max(lengths), width)
        real = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
        loud = torch.where(real[..., None], 1.0, 30.0)  # padding is no quiet place
        return keys * loud, values * loud, real

    # Scores far below -10,000, from whole numbers, so that no way of adding them up rounds.
    keys, values, real = source(3, 2, width=16)
    low = [(keys.round() - 5000 * real[..., None], values, real)]
    return [
        (torch.randn(2, 5, 4), [source(3, 2, width=4)]),
        (torch.randn(3, 2, 6), [source(4, 1, 6, width=6), source(2, 5, 3, width=6)]),
        (torch.randn(2, 4, 8), [source(0, 3, width=8), source(2, 0, width=8)]),
        (torch.randint(1, 3, (2, 3, 16)).float(), low),
        (torch.randn(1, 1, 2), [source(7, width=2), source(1, width=2), source(3, width=2)]),
    ]


SEVERAL = Exercise(
    id="10.1",
    title="one look over several sources",
    reference=look_at_several,
    cases=several_cases,
    mistakes=[
        Mistake(
            "each source on its own, then the mean",
            lambda q, those: sum(_look(q, [one]) for one in those) / len(those),
            "Each source gets a softmax of its own, and so the same share as any other, even if it "
            "has nothing to say. Join keys, values and masks of all, then take one softmax.",
        ),
        Mistake(
            "the sum over sources",
            lambda q, those: sum(_look(q, [one]) for one in those),
            "Each source gets a softmax of its own, so that the weights of a query sum to the "
            "number of sources. Join the sources first: over all words they sum to 1.",
        ),
        Mistake(
            "the first source only",
            lambda q, those: _look(q, those[:1]),
            "Only the first source is looked at.",
        ),
        Mistake(
            "padding counts",
            lambda q, those: _look(q, _unmasked(those)),
            "Padding gets attention. Write -inf into the scores where real is False.",
        ),
        Mistake(
            "the padding of the first source only",
            lambda q, those: _look(q, [those[0], *_unmasked(those[1:])]),
            "The padding of the first source is hidden, that of the others is not.",
        ),
        Mistake(
            "no scale",
            _slip(power=0.0),
            "The scores are not divided: divide them by the square root of K.",
        ),
        Mistake(
            "divided by K",
            _slip(power=1.0),
            "The scores are divided by K, which is too much: divide by its square root.",
        ),
        Mistake(
            "zero instead of minus infinity",
            _slip(fill=0.0),
            "A score of 0 is not nothing: the softmax makes exp(0) = 1 of it. Write -inf.",
        ),
        Mistake(
            "a large negative number",
            _slip(fill=-1e4),
            "A large negative number is not the smallest: among scores still lower it wins. Write "
            "-inf.",
        ),
        Mistake(
            "masks after the softmax",
            _hide_late,
            "The mask comes after the softmax, so that the weights no longer sum to 1. Mask the "
            "scores.",
        ),
        Mistake(
            "softmax over the queries",
            _slip(axis=1),
            "The softmax runs over those that ask. Each query shares out its attention over the "
            "words: softmax(dim=-1).",
        ),
        Mistake(
            "causal",
            _slip(causal=True),
            "There is a causal mask. The sources are there from the start: every query sees every "
            "word.",
        ),
        Mistake(
            "keys and values exchanged",
            _slip(swapped=True),
            "Keys and values are exchanged: queries are compared with keys, values are what is "
            "mixed.",
        ),
    ],
)
