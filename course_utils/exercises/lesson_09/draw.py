"""Exercise 09.1: from a number between 0 and 1 to a token."""

from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Mistake


def pick(probs: Tensor, coins: Tensor) -> Tensor:
    """The token whose piece of the row each coin falls into; a sum of floats may stop below 1."""
    ends = probs.cumsum(-1)
    return (ends <= coins[:, None] * ends[:, -1:]).sum(-1)


def draw_cases() -> list[tuple[Any, ...]]:
    """Rows unlike each other, coins on borders, zeros in front, between and behind, one row.

    The last row ends at 1 - 3 / 2^24, and its coin is the largest float below 1.
    """
    eighths = torch.tensor([[1, 2, 4, 1], [0, 4, 0, 4], [8, 0, 0, 0], [0, 0, 1, 7]]) / 8
    every = torch.arange(8) / 8  # each coin on or between the borders
    random = torch.rand(30, 11).pow(6)
    random = random / random.sum(-1, keepdim=True)
    short = torch.tensor([[0.5, 0.25, 0.25 - 3 / 2**24]])
    return [
        (torch.tensor([[0.5, 0.25, 0.25]]), torch.tensor([0.6])),
        (eighths, torch.tensor([0.5, 0.75, 0.99, 0.0])),
        (eighths[:1].expand(8, 4), every),
        (eighths[1:2].expand(8, 4), every),
        (eighths[3:].expand(8, 4), every + 1 / 16),
        (random, torch.rand(30) * 0.999),
        (short, torch.tensor([1 - 1 / 2**24])),
    ]


DRAW = Exercise(
    id="09.1",
    title="a token for each coin",
    reference=pick,
    cases=draw_cases,
    mistakes=[
        Mistake(
            "the likeliest",
            lambda probs, coins: probs.argmax(-1),
            "This is greedy: the coin is not used. Where do the pieces of the tokens begin and "
            "end on the line from 0 to 1?",
        ),
        Mistake(
            "compared with the probabilities",
            lambda probs, coins: (probs > coins[:, None]).int().argmax(-1),
            "You compare the coin with each probability. A token's piece begins where those "
            "before it end: compare with their running sum, cumsum.",
        ),
        Mistake(
            "off the end",
            lambda probs, coins: (probs.cumsum(-1) <= coins[:, None]).sum(-1),
            "A coin just below 1 gives yours a token that does not exist, because a row of floats "
            "may sum to a little less than 1. Multiply each coin by the sum of its row.",
        ),
        Mistake(
            "a border belongs to the left",
            lambda probs, coins: (probs.cumsum(-1) < coins[:, None]).sum(-1),
            "A coin on a border falls into the piece that begins there. With a coin of 0 yours "
            "gives token 0 even where its probability is 0. Is it < or <=?",
        ),
        Mistake(
            "one too far",
            lambda probs, coins: ((probs.cumsum(-1) <= coins[:, None]).sum(-1) + 1).clamp(
                max=probs.shape[-1] - 1
            ),
            "You are one token too far: tokens count from 0.",
        ),
        Mistake(
            "one too early",
            lambda probs, coins: ((probs.cumsum(-1) <= coins[:, None]).sum(-1) - 1).clamp(min=0),
            "You give the last piece that ends before the coin. The coin falls into the next one.",
        ),
        Mistake(
            "the first coin for all",
            lambda probs, coins: (probs.cumsum(-1) <= coins[:1]).sum(-1),
            "Every row was compared with the same coin. Row i has coins[i]: coins[:, None].",
        ),
        Mistake(
            "likeliest first",
            lambda probs, coins: pick(probs.sort(-1, descending=True).values, coins),
            "You sorted the probabilities, so the number is a rank and no token. The order of the "
            "pieces is that of the tokens; nothing needs sorting.",
        ),
        Mistake(
            "the running sum of all rows",
            lambda probs, coins: (probs.flatten().cumsum(0).view_as(probs) <= coins[:, None]).sum(
                -1
            ),
            "Your sum runs on from row to row. Each row begins anew at 0: cumsum(-1).",
        ),
    ],
)
