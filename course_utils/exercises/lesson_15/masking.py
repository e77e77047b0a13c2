"""Exercise 15.2: who may look at whom, with many images and padding."""

from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Mistake
from course_utils.multimodal import joint_mask


def mask_of(kinds: Tensor) -> Tensor:
    """The package's mask."""
    return joint_mask(kinds)


def _mask(
    kinds: Tensor,
    *,
    full: str = "own",
    hide_padding: bool = True,
    itself: bool = True,
    strict: bool = False,
    flip: bool = False,
) -> Tensor:
    num = kinds.shape[1]
    before = torch.ones(num, num, dtype=torch.bool).tril(-1 if strict else 0)
    own = (kinds[:, :, None] == kinds[:, None, :]) & (kinds > 0)[:, None, :]
    images = (kinds > 0)[:, :, None] & (kinds > 0)[:, None, :]
    nothing = torch.zeros_like(own)
    same = {"own": own, "any": images, "none": nothing, "text": own | (kinds == 0)[:, None]}[full]
    mask = before | same
    if hide_padding:
        mask = mask & (kinds >= 0)[:, None, :]
    if itself:
        mask = mask | torch.eye(num, dtype=torch.bool)
    return mask.mT if flip else mask


def cases() -> list[tuple[Any, ...]]:
    """Text first, image first, images side by side, an image cut by text, padding everywhere."""
    return [
        (torch.tensor([[0, 0, 0, 1, 1, 1, 1]]),),
        (torch.tensor([[1, 1, 1, 0, 0]]),),
        (torch.tensor([[0, 1, 1, 2, 2, 2, 0, 3]]),),
        (torch.tensor([[0, 0, -1, -1, 1, 1], [0, 0, 0, 0, 1, 1]]),),
        (torch.tensor([[1, 1, 0, -1], [-1, 0, 2, 2], [-1, -1, -1, -1]]),),
        (torch.tensor([[0, 0, 0]]),),
        (torch.tensor([[5, 5, 0, 5, 5, 7]]),),
        (torch.randint(-1, 4, (6, 11)),),
    ]


MASKING = Exercise(
    id="15.2",
    title="the mask of many images",
    reference=mask_of,
    cases=cases,
    mistakes=[
        Mistake(
            "all images see each other",
            lambda kinds: _mask(kinds, full="any"),
            "A patch sees all of its own image. A later image is ahead of it: compare the numbers "
            "of the two places.",
        ),
        Mistake(
            "causal everywhere",
            lambda kinds: _mask(kinds, full="none"),
            "A patch must see the later patches of its own image, too.",
        ),
        Mistake(
            "text sees ahead",
            lambda kinds: _mask(kinds, full="text"),
            "Later words are visible: then the next word is no question.",
        ),
        Mistake(
            "padding is seen",
            lambda kinds: _mask(kinds, hide_padding=False),
            "Padding is visible to others. Nobody may look at a place of kind -1 but itself.",
        ),
        Mistake(
            "padding sees nothing",
            lambda kinds: _mask(kinds, itself=False),
            "A row of padding sees nothing at all: its softmax is NaN. Let each place see itself.",
        ),
        Mistake(
            "the wrong way round",
            lambda kinds: _mask(kinds, flip=True),
            "Rows and columns are exchanged: row i says what place i may see.",
        ),
    ],
)
