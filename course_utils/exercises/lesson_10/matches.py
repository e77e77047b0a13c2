"""Exercise 10.2: exact match up to the stop token."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Mistake


def matches(written: Tensor, target: Tensor, stop: int) -> Tensor:
    """Whether each written row is its target, up to the first stop of each."""
    return _by_row(written, target, lambda row, answer: _cut(row, stop) == _cut(answer, stop))


def _by_row(written: Tensor, target: Tensor, right: Callable[[list[int], list[int]], bool]) -> Any:
    """A verdict for each row, given as lists."""
    rows = zip(written.tolist(), target.tolist(), strict=True)
    return torch.tensor([right(row, answer) for row, answer in rows], dtype=torch.bool)


def _cut(row: list[int], stop: int) -> list[int]:
    """The row up to its first stop, that included; the whole row if it has none."""
    return row[: row.index(stop) + 1] if stop in row else row


def _last_cut(row: list[int], stop: int) -> list[int]:
    """The row up to its last stop."""
    return row[: len(row) - row[::-1].index(stop)] if stop in row else row


def _inside(row: list[int], stop: int) -> list[int]:
    """The row up to its first stop, which is left out."""
    return [token for token in _cut(row, stop) if token != stop]


def _padded(written: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Both as wide as the narrower one."""
    width = min(written.shape[1], target.shape[1])
    return written[:, :width], target[:, :width]


def match_cases() -> list[tuple[Any, ...]]:
    """Other things behind the stop, no stop, two stops, stops in other places, both widths."""
    return [
        (
            torch.tensor([[5, 6, 2, 9, 9], [5, 6, 7, 2, 0], [5, 2, 6, 2, 0], [5, 6, 4, 4, 4]]),
            torch.tensor([[5, 6, 2, 0], [5, 6, 2, 0], [5, 2, 6, 2], [5, 6, 2, 0]]),
            2,
        ),
        (
            torch.tensor([[3, 3, 3], [3, 3, 9], [9, 3, 3]]),
            torch.tensor([[3, 3, 3, 3, 9], [3, 3, 9, 1, 1], [9, 7, 7, 7, 7]]),
            9,
        ),
        (torch.tensor([[4, 4, 1, 4], [4, 1, 1, 1]]), torch.tensor([[4, 4, 1], [4, 4, 1]]), 1),
        (
            torch.tensor([[8, 7, 0, 5], [7, 8, 0, 5], [8, 7, 6, 0], [8, 0, 7, 0], [8, 7, 5, 5]]),
            torch.tensor([[8, 7, 0, 0]]).repeat(5, 1),
            0,
        ),
        # Another middle, a zero inside that counts, a target that is only a stop.
        (
            torch.tensor([[4, 7, 6, 2], [4, 0, 6, 2], [2, 9, 9, 9], [6, 2, 2, 2], [4, 6, 0, 2]]),
            torch.tensor([[4, 5, 6, 2], [4, 6, 2, 0], [2, 0, 0, 0], [2, 0, 0, 0], [4, 6, 0, 2]]),
            2,
        ),
        (torch.tensor([[6, 5], [6, 2]]), torch.tensor([[6, 5, 2, 2, 2, 2], [6, 2, 5, 5, 5, 5]]), 2),
    ]


MATCHES = Exercise(
    id="10.2",
    title="exact match up to the stop",
    reference=matches,
    cases=match_cases,
    mistakes=[
        Mistake(
            "compares whole rows",
            lambda w, t, stop: (_padded(w, t)[0] == _padded(w, t)[1]).all(1),
            "What stands behind the first stop is compared too. It does not count: cut both rows "
            "at their first stop.",
        ),
        Mistake(
            "a share of tokens",
            lambda w, t, stop: (_padded(w, t)[0] == _padded(w, t)[1]).float().mean(1),
            "This is the share of tokens that agree. Exact match is one verdict a row: right or "
            "wrong.",
        ),
        Mistake(
            "the stop does not matter",
            lambda w, t, stop: _by_row(w, t, lambda a, b: _inside(a, stop) == _inside(b, stop)),
            "A row that never stops passes. The stop must be there, and in the right place: keep "
            "it when you cut.",
        ),
        Mistake(
            "the last stop",
            lambda w, t, stop: _by_row(w, t, lambda a, b: _last_cut(a, stop) == _last_cut(b, stop)),
            "You cut at the last stop. A text ends at its first one.",
        ),
        Mistake(
            "any order",
            lambda w, t, stop: _by_row(
                w, t, lambda a, b: sorted(_cut(a, stop)) == sorted(_cut(b, stop))
            ),
            "The same tokens in another order pass. Compare them place by place.",
        ),
        Mistake(
            "the beginning is enough",
            lambda w, t, stop: _by_row(
                w, t, lambda a, b: all(x == y for x, y in zip(_inside(a, stop), b, strict=False))
            ),
            "A row passes that stops too early: it is the beginning of its target. Compare the "
            "stops too.",
        ),
        Mistake(
            "one verdict for all",
            lambda w, t, stop: matches(w, t, stop).all(),
            "This is one verdict for the whole batch. Give one for each row.",
        ),
    ],
)
