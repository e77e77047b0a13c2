"""Exercise 12.1: the share of rows whose own column is among the k largest."""

from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Mistake


def recall_at(similarities: Tensor, k: int) -> float:
    """One's own counts as behind all that are equal."""
    own = similarities.diagonal()[:, None]
    return ((similarities >= own).sum(1) <= k).float().mean().item()


def optimistic(similarities: Tensor, k: int) -> float:
    """One's own counts as before all that are equal."""
    own = similarities.diagonal()[:, None]
    return ((similarities > own).sum(1) < k).float().mean().item()


def by_topk(similarities: Tensor, k: int) -> float:
    """Of equal ones, torch chooses."""
    own = torch.arange(len(similarities))[:, None]
    return (similarities.topk(k).indices == own).any(1).float().mean().item()


def cases() -> list[tuple[Any, ...]]:
    """Random ones, ties, one that says the same of all, negatives, a single row, k = N."""
    few = torch.randn(7, 7)
    ties = torch.tensor([[2.0, 2, 1], [0, 1, 0], [3, 3, 3]])
    lean = torch.randn(9, 9) + 3 * torch.arange(9.0)  # rows and columns differ
    pairs = torch.arange(16.0).view(4, 4).remainder(5) - 9
    return [
        (few, 1),
        (few, 3),
        (ties, 1),
        (ties, 2),
        (torch.zeros(5, 5), 4),
        (torch.zeros(6, 6), 6),
        (lean, 2),
        (lean, 5),
        (pairs, 2),
        (torch.tensor([[-1.0]]), 1),
    ]


RECALL = Exercise(
    id="12.1",
    title="the right one among the first k",
    reference=recall_at,
    cases=cases,
    mistakes=[
        Mistake(
            "equal ones are behind",
            optimistic,
            "Where others are equal to one's own, yours counts it as before them: who says the "
            "same of all would get everything right. Count those that are at least as large.",
        ),
        Mistake(
            "ties as they come",
            by_topk,
            "Among equal ones topk takes any. Count how many are at least as large as one's own.",
        ),
        Mistake(
            "down the columns",
            lambda similarities, k: recall_at(similarities.T, k),
            "Yours goes down the columns. A row asks, its columns answer.",
        ),
        Mistake(
            "only the first",
            lambda similarities, k: recall_at(similarities, 1),
            "k is not used: yours counts only who is first.",
        ),
        Mistake(
            "one too strict",
            lambda similarities, k: recall_at(similarities, k - 1),
            "One's own is itself at least as large as itself: among the first k means that at most "
            "k are, with it.",
        ),
        Mistake(
            "a count",
            lambda similarities, k: recall_at(similarities, k) * len(similarities),
            "That is a number of rows. A share is their mean.",
        ),
        Mistake(
            "the smallest",
            lambda similarities, k: recall_at(-similarities, k),
            "You rank from the smallest. A large similarity means near.",
        ),
    ],
)
