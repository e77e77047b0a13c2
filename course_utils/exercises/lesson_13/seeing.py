"""Exercise 13.3: which place may look at which, in a text of blocks."""

from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Mistake, WrongAnswer


def sees(queries: Tensor, keys: Tensor, block_size: int) -> Tensor:
    """All of one's own block, and all blocks before."""
    return (queries // block_size)[:, None] >= keys // block_size


def truths(function: Any, *arguments: Any) -> Any:
    """What comes out, if it says yes or no."""
    answer = function(*arguments)
    if isinstance(answer, Tensor) and answer.dtype not in (torch.bool, torch.int64, torch.int32):
        raise WrongAnswer(
            f"the mask has type {answer.dtype}; True and False were expected. Compare, as in "
            "block[:, None] >= block."
        )
    return answer.bool() if isinstance(answer, Tensor) else answer


def _band(queries: Tensor, keys: Tensor, block_size: int) -> Tensor:
    """The last so many places: a window and no blocks."""
    back = queries[:, None] - keys
    return (back >= 0) & (back < block_size)


def cases() -> list[tuple[Any, ...]]:
    """Whole texts, a block that reads what is kept, a short last block, one place, any order."""
    whole = torch.arange
    return [
        (whole(6), whole(6), 2),
        (whole(6), whole(6), 3),
        (whole(5), whole(5), 1),
        (whole(7), whole(7), 3),
        (whole(3), whole(3), 9),
        (whole(5, 10), whole(10), 5),
        (whole(12, 13), whole(13), 4),
        (torch.tensor([7, 0, 3, 11]), torch.tensor([2, 9, 4, 0, 11]), 4),
    ]


SEEING = Exercise(
    id="13.3",
    title="who sees whom in blocks",
    reference=sees,
    cases=cases,
    probe=truths,
    mistakes=[
        Mistake(
            "the causal mask",
            lambda queries, keys, block_size: queries[:, None] >= keys,
            "That is the causal mask: inside its block a place also sees what is behind it.",
        ),
        Mistake(
            "its own block only",
            lambda queries, keys, block_size: (
                (queries // block_size)[:, None] == keys // block_size
            ),
            "A place sees its own block, and the blocks before it, too.",
        ),
        Mistake(
            "blocks before only",
            lambda queries, keys, block_size: (queries // block_size)[:, None] > keys // block_size,
            "A place does not see its own block: use >=, not >.",
        ),
        Mistake(
            "the late ones",
            lambda queries, keys, block_size: (
                (queries // block_size)[:, None] <= keys // block_size
            ),
            "Row i says where queries[i] looks. Yours lets the early places see the late ones.",
        ),
        Mistake(
            "a window",
            _band,
            "That is a window of the last places. A block begins at a multiple of its size.",
        ),
        Mistake(
            "counted from the first row",
            lambda queries, keys, block_size: sees(
                torch.arange(len(queries)), torch.arange(len(keys)), block_size
            ),
            "You count rows and columns. queries and keys say which places of the text they are.",
        ),
        Mistake(
            "all",
            lambda queries, keys, block_size: torch.ones(len(queries), len(keys)).bool(),
            "Here all see all. A block must not see those after it: they are not written yet.",
        ),
    ],
)
