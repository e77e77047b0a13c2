"""Exercise 10.2: a mask that is open on the source and causal on the target."""

import math
from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Mistake


def prefix_weights(scores: Tensor, num_source: Tensor) -> Tensor:
    """Attention weights of texts whose first tokens, the source, see each other both ways."""
    return _masked(scores, _seen(scores, num_source))


def _seen(scores: Tensor, num_source: Tensor) -> Tensor:
    """(B, T, T): a column of the source, or one that is not later."""
    return _source_columns(scores, num_source) | _earlier(scores)


def _earlier(scores: Tensor) -> Tensor:
    """(T, T): not later than the row."""
    return torch.ones(scores.shape[-2:], dtype=torch.bool).tril()


def _source_columns(scores: Tensor, num_source: Tensor) -> Tensor:
    """(B, 1, T): whether a column belongs to the source."""
    return (torch.arange(scores.shape[-1]) < num_source[:, None])[:, None]


def _masked(scores: Tensor, seen: Tensor, fill: float = -math.inf, axis: int = -1) -> Tensor:
    """The softmax of what is seen."""
    return scores.masked_fill(~seen, fill).softmax(dim=axis)


def _blocks(scores: Tensor, num_source: Tensor) -> Tensor:
    """The source sees itself, the target itself, and neither the other."""
    column = _source_columns(scores, num_source)
    return torch.where(column.mT, column, ~column & _earlier(scores))


def prefix_cases() -> list[tuple[Any, ...]]:
    """Sources of unequal length, of one token and of all; scores of any size, zeros among them."""
    zeros = torch.randn(3, 6, 6).round()
    return [
        (torch.randn(3, 7, 7), torch.tensor([3, 5, 1])),
        (zeros, torch.tensor([2, 6, 4])),
        (torch.randn(2, 4, 4) - 1e6, torch.tensor([2, 3])),
        (1e4 * torch.randn(4, 5, 5), torch.tensor([4, 1, 2, 3])),
        (torch.randn(1, 9, 9) + 1e4 * torch.arange(9), torch.tensor([4])),
    ]


PREFIX = Exercise(
    id="10.2",
    title="both ways on the source, causal on the target",
    reference=prefix_weights,
    cases=prefix_cases,
    mistakes=[
        Mistake(
            "causal everywhere",
            lambda s, n: _masked(s, _earlier(s)),
            "The source is causal too: its first token sees only itself. Open the columns of the "
            "source to every row.",
        ),
        Mistake(
            "no mask",
            lambda s, n: s.softmax(-1),
            "Nothing is hidden, so the target sees what comes after it.",
        ),
        Mistake(
            "one length for all",
            lambda s, n: _masked(s, _seen(s, n[:1].expand(len(n)))),
            "Every text gets the source length of the first one. Each has its own: num_source[b].",
        ),
        Mistake(
            "the target does not see the source",
            lambda s, n: _masked(s, _blocks(s, n)),
            "A token of the target sees the target only. It must see the whole source as well.",
        ),
        Mistake(
            "the source sees everything",
            lambda s, n: _masked(s, _seen(s, n) | _source_columns(s, n).mT),
            "Rows of the source see the target, which is not written yet. Open the columns of the "
            "source, not its rows.",
        ),
        Mistake(
            "one column too many",
            lambda s, n: _masked(s, _seen(s, n + 1)),
            "The source is one token too long: the first token of the target, at place num_source, "
            "is seen from before it. Use column < num_source.",
        ),
        Mistake(
            "one column too few",
            lambda s, n: _masked(s, _seen(s, n - 1)),
            "The source is one token too short: its last token is hidden from those before it. "
            "Use column < num_source.",
        ),
        Mistake(
            "turned round",
            lambda s, n: _masked(s, _seen(s, n).mT | torch.eye(s.shape[-1], dtype=torch.bool)),
            "Rows and columns are exchanged: a row is the token that looks, a column what it "
            "looks at.",
        ),
        Mistake(
            "zero instead of minus infinity",
            lambda s, n: _masked(s, _seen(s, n), fill=0.0),
            "A score of 0 is not nothing: the softmax makes exp(0) = 1 of it. Write -inf.",
        ),
        Mistake(
            "a large negative number",
            lambda s, n: _masked(s, _seen(s, n), fill=-1e4),
            "A large negative number is not the smallest: among scores of -1,000,000 it wins. "
            "Write -inf.",
        ),
        Mistake(
            "masks after the softmax",
            lambda s, n: s.softmax(-1) * _seen(s, n),
            "The mask comes after the softmax, so the rows no longer sum to one. Mask the scores.",
        ),
        Mistake(
            "softmax over the wrong axis",
            lambda s, n: _masked(s, _seen(s, n), axis=1),
            "The mask is right, but the columns sum to one. Each row shares out its attention: "
            "softmax(dim=-1).",
        ),
    ],
)
