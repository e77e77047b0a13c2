"""Exercise 07.2: a window that never looks ahead."""

import math
from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Mistake


def window_weights(scores: Tensor, window: int) -> Tensor:
    """Weights that see a position and the few before it; the rows are the last positions."""
    return _masked(scores, _outside(scores, window))


def _outside(scores: Tensor, window: int, *, first: int | None = None) -> Tensor:
    """(S, T) True where a row may not look; row 0 is position `first`, by default T - S."""
    num_rows, num_columns = scores.shape
    start = num_columns - num_rows if first is None else first
    row = torch.arange(start, start + num_rows)[:, None]
    column = torch.arange(num_columns)
    return (column > row) | (column <= row - window)


def _masked(scores: Tensor, hidden: Tensor, value: float = -math.inf, axis: int = -1) -> Tensor:
    """The softmax of scores with a value written where a mask is True."""
    return scores.masked_fill(hidden, value).softmax(dim=axis)


def _times_infinity(scores: Tensor, hidden: Tensor) -> Tensor:
    """0 * -inf is NaN, also where nothing was to be hidden."""
    return (scores + hidden.float() * -math.inf).softmax(dim=-1)


def _zeros_hidden(scores: Tensor, hidden: Tensor) -> Tensor:
    """Scores times a mask of ones and zeros, and every zero hidden: a score of 0 goes too."""
    kept = scores * ~hidden
    return kept.masked_fill(kept == 0, -math.inf).softmax(dim=-1)


def window_cases() -> list[tuple[Any, ...]]:
    """Square and wide; scores that are zero, all negative, and far above any finite penalty."""
    with_zeros = torch.randn(6, 6).round()  # about four in ten are exactly zero
    with_zeros.fill_diagonal_(0)
    huge = torch.randn(5, 8) + 1e4 * torch.arange(8)  # later keys score far more
    return [
        (torch.randn(5, 5), 2),
        (with_zeros, 3),
        (5 * torch.randn(3, 7) - 1e6, 4),  # below what many take for minus infinity
        (huge, 2),
        (1e4 * torch.randn(4, 4), 4),
        (torch.randn(1, 6), 3),
        (torch.randn(4, 6), 1),
        (torch.randn(3, 3), 10),
    ]


WINDOW = Exercise(
    id="07.2",
    title="a window that never looks ahead",
    reference=window_weights,
    cases=window_cases,
    mistakes=[
        Mistake(
            "one too many",
            lambda s, w: window_weights(s, w + 1),
            "Each row sees one position too many: itself and window - 1 before it. Hide "
            "column <= row - window.",
        ),
        Mistake(
            "sees what comes after",
            lambda s, w: _masked(s, _outside(s, w).tril(s.shape[1] - s.shape[0])),
            "A row sees the positions after it too. Hide column > row as well.",
        ),
        Mistake(
            "no window",
            lambda s, w: _masked(s, _outside(s, s.shape[1] + 1)),
            "Nothing later is seen, but everything earlier is. Hide column <= row - window.",
        ),
        Mistake(
            "no mask",
            lambda s, w: s.softmax(dim=-1),
            "Nothing is hidden: every row sees the whole text.",
        ),
        Mistake(
            "rows are the first positions",
            lambda s, w: _masked(s, _outside(s, w, first=0)),
            "With fewer rows than columns you take the rows for the first positions. They are "
            "the last: row i is position T - S + i.",
        ),
        Mistake(
            "hides itself",
            lambda s, w: _masked(s, _outside(s, w) | ~_outside(s, 1)),
            "A position may look at itself. With window 1 it sees nothing else.",
        ),
        Mistake(
            "minus 100 added",
            lambda s, w: (s - 100.0 * _outside(s, w)).softmax(dim=-1),
            "Taking 100 away hides nothing from a score of 1000, and leaves a little of every "
            "other. Write -inf there.",
        ),
        Mistake(
            "a large negative number",
            lambda s, w: _masked(s, _outside(s, w), -1000.0),
            "A large negative number is not the smallest: among scores of -1,000,000 it wins. "
            "Write -inf.",
        ),
        Mistake(
            "zero instead of minus infinity",
            lambda s, w: _masked(s, _outside(s, w), 0.0),
            "A score of 0 is not nothing: the softmax turns it into exp(0) = 1 before it "
            "normalises. Write -inf.",
        ),
        Mistake(
            "a mask found by comparing with zero",
            lambda s, w: _zeros_hidden(s, _outside(s, w)),
            "You hide whatever is 0, and a score that may be seen can be 0 too. Make the mask "
            "from the places, not from the scores.",
        ),
        Mistake(
            "minus infinity times zero",
            lambda s, w: _times_infinity(s, _outside(s, w)),
            "0 * -inf is nan, so what should stay is nan too. Use masked_fill or torch.where.",
        ),
        Mistake(
            "masks after the softmax",
            lambda s, w: s.softmax(dim=-1).masked_fill(_outside(s, w), 0.0),
            "The mask comes after the softmax, so the rows no longer sum to one. Mask the "
            "scores first.",
        ),
        Mistake(
            "softmax over the wrong axis",
            lambda s, w: _masked(s, _outside(s, w), axis=0),
            "The mask is right, but the columns sum to one. Each row shares out its "
            "attention: softmax(dim=-1).",
        ),
        Mistake(
            "no softmax",
            lambda s, w: s.masked_fill(_outside(s, w), -math.inf),
            "The mask is right, but these are scores. Take the softmax of each row.",
        ),
    ],
)
