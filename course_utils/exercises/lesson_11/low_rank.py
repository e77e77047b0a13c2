"""Exercise 11.2: the best LoRA for what a full tuning has changed."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Mistake, WrongAnswer

Factors = tuple[Tensor, Tensor]


def as_lora(before: Tensor, after: Tensor, rank: int) -> Factors:
    """The largest singular values of the difference."""
    left, values, right = torch.linalg.svd(after - before, full_matrices=False)
    return left[:, :rank] * values[:rank], right[:rank]


def _split(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return torch.linalg.svd(after - before, full_matrices=False)


def _smallest(before: Tensor, after: Tensor, rank: int) -> Factors:
    left, values, right = _split(before, after)
    return left[:, -rank:] * values[-rank:], right[-rank:]


def _without_values(before: Tensor, after: Tensor, rank: int) -> Factors:
    left, _, right = _split(before, after)
    return left[:, :rank], right[:rank]


def _values_twice(before: Tensor, after: Tensor, rank: int) -> Factors:
    left, values, right = _split(before, after)
    return left[:, :rank] * values[:rank], values[:rank, None] * right[:rank]


def _of_after(before: Tensor, after: Tensor, rank: int) -> Factors:
    return as_lora(torch.zeros_like(after), after, rank)


def _first_rows(before: Tensor, after: Tensor, rank: int) -> Factors:
    change = after - before
    return torch.eye(len(change))[:, :rank], change[:rank]


def _columns_of_right(before: Tensor, after: Tensor, rank: int) -> Factors:
    left, values, right = _split(before, after)
    return left[:, :rank] * values[:rank], right.T[:rank]


def _swapped(before: Tensor, after: Tensor, rank: int) -> Factors:
    b, a = as_lora(before, after, rank)
    return a, b


def product(function: Callable[..., Any], before: Tensor, after: Tensor, rank: int) -> Any:
    """B A with the shapes of both: many pairs of factors make one product."""
    answer = function(before, after, rank)
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        raise WrongAnswer("it must return two matrices: return b, a.")
    b, a = answer
    if not (isinstance(b, Tensor) and isinstance(a, Tensor)):
        raise WrongAnswer("it must return two tensors: return b, a.")
    fits = b.ndim == a.ndim == 2 and b.shape[1] == a.shape[0]
    return {
        "shape of b": tuple(b.shape),
        "shape of a": tuple(a.shape),
        "b @ a": b @ a if fits else "the inner sides differ",
    }


def changes() -> list[tuple[Any, ...]]:
    """Tall and wide maps; a change of low rank, of full rank, one whose rows fall in size."""
    cases = []
    for out, width, rank in [(6, 4, 2), (3, 7, 1), (5, 5, 5), (12, 9, 3)]:
        scale = torch.linspace(0.2, 3, out)[:, None]
        before = 4 * torch.randn(out, width)
        cases.append((before, before + scale * torch.randn(out, width), rank))
    before = torch.randn(8, 10)
    cases.append((before, before + torch.randn(8, 2) @ torch.randn(2, 10), 2))
    return cases


LOW_RANK = Exercise(
    id="11.2",
    title="the best LoRA for what a full tuning has changed",
    reference=as_lora,
    cases=changes,
    probe=product,
    tolerance=2e-3,
    mistakes=[
        Mistake(
            "the smallest singular values",
            _smallest,
            "These are the directions that changed least. The singular values come in falling "
            "order: keep the first ones.",
        ),
        Mistake(
            "without the singular values",
            _without_values,
            "The directions are right and their sizes are missing: multiply the columns of b, or "
            "the rows of a, by the singular values.",
        ),
        Mistake(
            "the singular values twice",
            _values_twice,
            "The singular values stand in both b and a, so the product has their squares. Put them "
            "into one of the two, or their roots into both.",
        ),
        Mistake(
            "of the tuned matrix",
            _of_after,
            "This is the best approximation of the tuned matrix itself. W stays beside the LoRA: "
            "approximate what was added to it, after - before.",
        ),
        Mistake(
            "before minus after",
            lambda before, after, rank: as_lora(after, before, rank),
            "The sign is turned: b @ a is added to before, so it stands for after - before.",
        ),
        Mistake(
            "the first rows",
            _first_rows,
            "You keep the first rows of the change and lose the others. Which directions hold most "
            "of it? torch.linalg.svd knows.",
        ),
        Mistake(
            "columns of V",
            _columns_of_right,
            "torch.linalg.svd returns V transposed: its rows are the directions. Do not transpose "
            "it again.",
        ),
        Mistake(
            "factors swapped",
            _swapped,
            "b and a are swapped: return b (out, rank) first, then a (rank, in).",
        ),
    ],
)
