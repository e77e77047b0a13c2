"""Exercise 12.3: places of a picture look at words, with heads and a mask."""

import math
from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Mistake, WrongAnswer


def look_with_heads(
    x: Tensor, words: Tensor, seen: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, num_heads: int
) -> Tensor:
    """Cross-attention from places to words."""
    return _look(x, words, seen, w_q, w_k, w_v, num_heads)


def _look(
    x: Tensor,
    words: Tensor,
    seen: Tensor,
    w_q: Tensor,
    w_k: Tensor,
    w_v: Tensor,
    num_heads: int,
    *,
    hidden: float = -math.inf,
    scale_by: str = "head",
    mixed_up: bool = False,
    residual: bool = True,
    over: int = -1,
    strided: bool = False,
) -> Tensor:
    def cut(part: Tensor) -> Tensor:
        if mixed_up:  # memory order instead of features
            return part.reshape(len(part), num_heads, part.shape[1], -1)
        if strided:
            return part.unflatten(-1, (-1, num_heads)).permute(0, 3, 1, 2)
        return part.unflatten(-1, (num_heads, -1)).transpose(1, 2)

    places = x.flatten(2).mT
    q, k, v = cut(places @ w_q), cut(words @ w_k), cut(words @ w_v)
    width = {"head": q.shape[-1], "all": x.shape[1], "none": 1}[scale_by]
    scores = (q @ k.mT / math.sqrt(width)).masked_fill(~seen[:, None, None], hidden)
    mixed = scores.softmax(over).nan_to_num(0.0) @ v
    if mixed_up:
        found = mixed.reshape(len(x), places.shape[1], -1)
    elif strided:
        found = mixed.permute(0, 2, 3, 1).flatten(2)
    else:
        found = mixed.transpose(1, 2).flatten(2)
    found = found.mT.unflatten(2, x.shape[2:])
    return x + found if residual else found


def _multiplied(*arguments: Any) -> Tensor:
    """Weights of what is not seen are set to 0 after the softmax; the rest sums to less than 1."""
    x, words, seen, w_q, w_k, w_v, num_heads = arguments
    q, k, v = (
        part.unflatten(-1, (num_heads, -1)).transpose(1, 2)
        for part in (x.flatten(2).mT @ w_q, words @ w_k, words @ w_v)
    )
    weights = (q @ k.mT / math.sqrt(q.shape[-1])).softmax(-1) * seen[:, None, None]
    return x + (weights @ v).transpose(1, 2).flatten(2).mT.unflatten(2, x.shape[2:])


def picture(function: Any, *arguments: Any) -> Any:
    """What comes out, if it is a picture."""
    answer = function(*arguments)
    x = arguments[0]
    if isinstance(answer, Tensor) and answer.shape != x.shape and answer.numel() == x.numel():
        raise WrongAnswer(
            f"the result has shape {tuple(answer.shape)}; a picture of x's shape {tuple(x.shape)} "
            "was expected. Places come back by .mT.unflatten(2, (H, W))."
        )
    return answer


def cases() -> list[tuple[Any, ...]]:
    """Other sizes each, words hidden in the middle and at the end, none at all, wild padding."""

    def case(
        batch: int,
        channels: int,
        sides: tuple[int, int],
        length: int,
        width: int,
        heads: int,
        sharp: float = 1.0,
    ) -> tuple[Any, ...]:
        x, words = torch.randn(batch, channels, *sides), torch.randn(batch, length, width)
        seen = torch.rand(batch, length) < 0.7
        seen[0] = True
        if batch > 1:
            seen[1] = torch.arange(length) < max(1, length // 2)
        if batch > 2:
            seen[2] = False
        words[~seen] = 40.0  # what stands where nothing is must not matter
        w_q = sharp * torch.randn(channels, channels)
        w_k, w_v = torch.randn(2, width, channels)
        return x, words, seen, w_q, w_k, w_v, heads

    return [
        case(1, 4, (2, 2), 3, 5, 1),
        case(2, 6, (3, 2), 4, 3, 2),
        case(3, 8, (2, 5), 6, 4, 4),
        case(4, 6, (4, 4), 1, 7, 3),
        case(3, 4, (1, 3), 5, 4, 4),
        case(3, 6, (2, 3), 4, 3, 2, sharp=200.0),  # scores of hundreds, below any large number
    ]


LOOKING = Exercise(
    id="12.3",
    title="places look at words, with heads and a mask",
    reference=look_with_heads,
    cases=cases,
    probe=picture,
    mistakes=[
        Mistake(
            "no mask",
            lambda x, words, seen, *rest: _look(x, words, torch.ones_like(seen), *rest),
            "seen is not used: places look at words that are not there.",
        ),
        Mistake(
            "a large negative number",
            lambda *a: _look(*a, hidden=-1e4),
            "With -10,000 instead of -inf a caption without any word still gets weights: they are "
            "all equal. It must change nothing.",
        ),
        Mistake(
            "hidden after the softmax",
            _multiplied,
            "You hide words after the softmax: the weights of the others then sum to less than 1. "
            "Hide the scores before it.",
        ),
        Mistake(
            "the scale of all heads",
            lambda *a: _look(*a, scale_by="all"),
            "The scores are divided by the root of C. A head has C / H numbers: take the root of "
            "its own width.",
        ),
        Mistake(
            "no scale",
            lambda *a: _look(*a, scale_by="none"),
            "The scores are not divided by the root of a head's width.",
        ),
        Mistake(
            "one head",
            lambda x, words, seen, w_q, w_k, w_v, heads: _look(x, words, seen, w_q, w_k, w_v, 1),
            "num_heads is not used: this is one head as wide as all.",
        ),
        Mistake(
            "cut in memory order",
            lambda *a: _look(*a, mixed_up=True),
            "reshape(B, H, N, -1) cuts across places, not features. Cut the last axis first: "
            "unflatten(-1, (H, -1)), then transpose(1, 2).",
        ),
        Mistake(
            "every H-th number",
            lambda *a: _look(*a, strided=True),
            "Head h must hold numbers h C / H and following, a piece: unflatten(-1, (H, -1)).",
        ),
        Mistake(
            "without x",
            lambda *a: _look(*a, residual=False),
            "x is missing: what is found is added to it.",
        ),
        Mistake(
            "over the places",
            lambda *a: _look(*a, over=-2),
            "The softmax runs over the places. Each place shares out its attention among words.",
        ),
    ],
)
