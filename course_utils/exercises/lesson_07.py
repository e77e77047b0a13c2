"""Exercises of lesson 07: attention."""

import math
from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Mistake


def look(query: Tensor, key: Tensor) -> Tensor:
    """The attention weights of one text."""
    return (query @ key.T / math.sqrt(query.shape[-1])).softmax(dim=-1)


def look_cases() -> list[tuple[Any, ...]]:
    """Texts and widths that differ, so that no wrong divisor is right by chance."""
    return [(torch.randn(t, k), torch.randn(t, k)) for t, k in ((4, 8), (9, 3))]


def causal_weights(scores: Tensor) -> Tensor:
    """The weights with later positions hidden."""
    return hidden(scores, torch.ones_like(scores, dtype=torch.bool).triu(1))


def hidden(scores: Tensor, where: Tensor, value: float = -math.inf) -> Tensor:
    """The softmax of scores with a value written where a mask is True."""
    return scores.masked_fill(where, value).softmax(dim=-1)


def scores_cases() -> list[tuple[Any, ...]]:
    """A short text and a longer one with larger scores."""
    return [(torch.randn(4, 4),), (3 * torch.randn(7, 7),)]


def split_heads(x: Tensor, num_heads: int) -> Tensor:
    """The piece of each head."""
    return x.unflatten(-1, (num_heads, -1)).transpose(1, 2)


def heads_cases() -> list[tuple[Any, ...]]:
    """First as many positions as heads: forgetting to swap the axes keeps the shape."""
    return [(torch.randn(2, 4, 12), 4), (torch.randn(3, 5, 8), 2)]


EXERCISES = [
    Exercise(
        id="07.1",
        title="the attention weights of one text",
        reference=look,
        cases=look_cases,
        mistakes=[
            Mistake(
                "softmax over the wrong axis",
                lambda q, k: (q @ k.T / math.sqrt(q.shape[-1])).softmax(dim=0),
                "The columns sum to one, not the rows. Each query shares out its attention over "
                "the keys, and those run along the last axis: softmax(dim=-1).",
            ),
            Mistake(
                "missing scale",
                lambda q, k: (q @ k.T).softmax(dim=-1),
                "The scores are not divided. Divide by the square root of the width K.",
            ),
            Mistake(
                "multiplied",
                lambda q, k: (q @ k.T * math.sqrt(q.shape[-1])).softmax(dim=-1),
                "The scores are multiplied by the root of K. Divide.",
            ),
            Mistake(
                "transposed query",
                lambda q, k: (q.T @ k / math.sqrt(q.shape[-1])).softmax(dim=-1),
                "Row i must be a position: query @ key.T is (T, T). Yours is (K, K).",
            ),
            Mistake(
                "missing square root",
                lambda q, k: (q @ k.T / q.shape[-1]).softmax(dim=-1),
                "The scores are divided by K. K is their variance: divide by its square root.",
            ),
            Mistake(
                "divided by the length",
                lambda q, k: (q @ k.T / math.sqrt(q.shape[0])).softmax(dim=-1),
                "The scores are divided by the root of the number of positions. The width of the "
                "head counts: query.shape[-1].",
            ),
            Mistake(
                "query and key swapped",
                lambda q, k: look(k, q),
                "query and key are swapped: row i must belong to query i, so query @ key.T.",
            ),
            Mistake(
                "softmax before the scale",
                lambda q, k: (q @ k.T).softmax(dim=-1) / math.sqrt(q.shape[-1]),
                "The division comes after the softmax, so the rows no longer sum to one. Divide "
                "the scores first.",
            ),
            Mistake(
                "no softmax",
                lambda q, k: q @ k.T / math.sqrt(q.shape[-1]),
                "These are the scores. The softmax over each row makes weights of them.",
            ),
        ],
    ),
    Exercise(
        id="07.2",
        title="weights that never look ahead",
        reference=causal_weights,
        cases=scores_cases,
        mistakes=[
            Mistake(
                "hides itself",
                lambda s: hidden(s, torch.ones_like(s, dtype=torch.bool).triu(0)),
                "The diagonal is hidden too, and the first position has nothing left to look at: "
                "that row is NaN. Start one above the diagonal: triu(1).",
            ),
            Mistake(
                "shows the next position",
                lambda s: hidden(s, torch.ones_like(s, dtype=torch.bool).triu(2)),
                "Each position still sees the next one, which is the answer. The mask starts at "
                "triu(1), not triu(2).",
            ),
            Mistake(
                "mask turned round",
                lambda s: hidden(s, torch.ones_like(s, dtype=torch.bool).tril()),
                "masked_fill writes where the mask is True, and yours is True where a position may "
                "look. Hide the places above the diagonal: triu(1).",
            ),
            Mistake(
                "no softmax",
                lambda s: s.masked_fill(torch.ones_like(s, dtype=torch.bool).triu(1), -math.inf),
                "The mask is right, but these are scores. Take the softmax of each row.",
            ),
            Mistake(
                "hides the past",
                lambda s: hidden(s, torch.ones_like(s, dtype=torch.bool).tril(-1)),
                "The past is hidden and the future is open. Row i is the one that looks: hide "
                "columns j > i, above the diagonal, with triu.",
            ),
            Mistake(
                "masks after the softmax",
                lambda s: s.softmax(dim=-1).tril(),
                "The mask comes after the softmax, so the rows no longer sum to one. Mask the "
                "scores first.",
            ),
            Mistake(
                "zero instead of minus infinity",
                lambda s: hidden(s, torch.ones_like(s, dtype=torch.bool).triu(1), 0.0),
                "A score of 0 is not nothing: the softmax turns it into exp(0) = 1 before it "
                "normalises. Write -inf.",
            ),
            Mistake(
                "softmax over the wrong axis",
                lambda s: s.masked_fill(
                    torch.ones_like(s, dtype=torch.bool).triu(1), -math.inf
                ).softmax(dim=0),
                "The mask is right, but the columns sum to one. Each row shares out its "
                "attention: softmax(dim=-1).",
            ),
            Mistake(
                "no mask",
                lambda s: s.softmax(dim=-1),
                "Nothing is hidden: every position sees the whole text.",
            ),
        ],
    ),
    Exercise(
        id="07.3",
        title="each head has its own piece of every position",
        reference=split_heads,
        cases=heads_cases,
        mistakes=[
            Mistake(
                "wrong two axes",
                lambda x, h: x.unflatten(-1, (h, -1)).transpose(-1, -2),
                "Heads and entries are swapped: (B, T, K, H). Swap positions and heads, axes 1 and "
                "2.",
            ),
            Mistake(
                "pieces in a tuple",
                lambda x, h: x.chunk(h, dim=-1),
                "Those are the right pieces in a tuple. Stack them along a new axis 1: "
                "(B, H, T, K).",
            ),
            Mistake(
                "one reshape",
                lambda x, h: x.reshape(x.shape[0], h, x.shape[1], -1),
                "The shape is right, but a head holds whole vectors of a few positions. Cut the "
                "last axis first, then swap axes.",
            ),
            Mistake(
                "axes not swapped",
                lambda x, h: x.unflatten(-1, (h, -1)),
                "The heads come after the positions: (B, T, H, K). Swap axes 1 and 2.",
            ),
            Mistake(
                "every H-th entry",
                lambda x, h: x.unflatten(-1, (-1, h)).permute(0, 3, 1, 2),
                "Each head got every H-th entry. Its entries are neighbours: unflatten the last "
                "axis into (num_heads, K), not (K, num_heads).",
            ),
            Mistake(
                "positions and entries swapped",
                lambda x, h: x.unflatten(-1, (h, -1)).permute(0, 2, 3, 1),
                "The axes are (B, H, K, T). Positions come before entries: (B, H, T, K).",
            ),
            Mistake(
                "heads first",
                lambda x, h: x.unflatten(-1, (h, -1)).permute(2, 0, 1, 3),
                "The heads come before the batch. Keep the batch first: (B, H, T, K).",
            ),
        ],
    ),
]
