"""05.2: where the ink of each frame is."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Mistake


def centre_of_ink(frames: Tensor) -> Tensor:
    """Centre of the ink of each frame, (B, F, 2): to the right, downwards."""
    return by_weights(lambda frames: (frames[:, :, 0] + 1) / 2)(frames)


def by_weights(weigh: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """A centre with these weights (B, F, H, W)."""

    def centre(frames: Tensor) -> Tensor:
        weight = weigh(frames)
        down, right = (torch.arange(n, dtype=weight.dtype) for n in weight.shape[2:])
        total = weight.sum((2, 3))
        x = (weight.sum(2) * right).sum(2) / total
        y = (weight.sum(3) * down).sum(2) / total
        return torch.stack([x, y], dim=2)

    return centre


def centre_cases() -> list[tuple[Any, ...]]:
    """Frames that are not square, faint ink, a blank frame."""
    calls = [(2 * torch.rand(shape) ** 4 - 1,) for shape in ((2, 5, 1, 6, 9), (3, 4, 1, 8, 5))]
    blank = torch.full((1, 3, 1, 4, 7), -1.0)
    blank[0, 0, 0, 1, 5] = blank[0, 2, 0, 3, 2] = 0.2
    return [*calls, (blank,)]


def brightest(frames: Tensor) -> Tensor:
    """The place of the brightest pixel."""
    place = frames[:, :, 0].flatten(2).argmax(2)
    width = frames.shape[-1]
    return torch.stack([place % width, place // width], dim=2).float()


def no_division(frames: Tensor) -> Tensor:
    """The sum, not the mean."""
    return centre_of_ink(frames).nan_to_num() * ((frames + 1) / 2).sum((2, 3, 4))[..., None]


def with_floor(frames: Tensor) -> Tensor:
    """Says the corner where there is nothing."""
    return centre_of_ink(frames).nan_to_num()


def of_the_clip(frames: Tensor) -> Tensor:
    """Divides by the ink of all frames."""
    ink = ((frames + 1) / 2).sum((2, 3, 4))
    return no_division(frames) / ink.sum(1)[:, None, None]


CENTRE = Exercise(
    id="05.2",
    title="the centre of the ink of each frame",
    reference=centre_of_ink,
    cases=centre_cases,
    mistakes=[
        Mistake(
            "down first",
            lambda frames: centre_of_ink(frames).flip(2),
            "The two coordinates are swapped: first how far to the right, then how far down.",
        ),
        Mistake(
            "values as weights",
            by_weights(lambda frames: frames[:, :, 0]),
            "Black is -1, and weighs in against the ink. Turn the values into ink first: "
            "(value + 1) / 2, none at -1 and all at 1.",
        ),
        Mistake(
            "sizes of values as weights",
            by_weights(lambda frames: frames[:, :, 0].abs()),
            "The size of a value is not its ink: black is -1 and has none.",
        ),
        Mistake(
            "only what is above 0",
            by_weights(lambda frames: (frames[:, :, 0] > 0).float()),
            "Each pixel counts by how much ink it has, not only whether it has some.",
        ),
        Mistake(
            "negative values cut off",
            by_weights(lambda frames: frames[:, :, 0].clamp(min=0)),
            "Values between -1 and 0 are faint ink, and count too.",
        ),
        Mistake(
            "softmax",
            by_weights(
                lambda frames: frames[:, :, 0].flatten(2).softmax(2).view_as(frames[:, :, 0])
            ),
            "A softmax gives weight to black pixels too. The weight of a pixel is its ink.",
        ),
        Mistake(
            "no division",
            no_division,
            "Divide by the ink of the frame: a centre is a mean, not a sum.",
        ),
        Mistake(
            "divided by the ink of the clip",
            of_the_clip,
            "Each frame is divided by its own ink, not by that of the whole clip.",
        ),
        Mistake(
            "counted from 1",
            lambda frames: centre_of_ink(frames) + 1,
            "The first column is 0, not 1.",
        ),
        Mistake(
            "middles of pixels",
            lambda frames: centre_of_ink(frames) + 0.5,
            "The first pixel is at 0, not at a half.",
        ),
        Mistake(
            "from the middle",
            lambda frames: (
                centre_of_ink(frames)
                - (torch.tensor([frames.shape[-1], frames.shape[-2]], dtype=frames.dtype) - 1) / 2
            ),
            "Count from the first pixel, not from the middle of the frame.",
        ),
        Mistake(
            "from 0 to 1",
            lambda frames: (
                centre_of_ink(frames)
                / (torch.tensor([frames.shape[-1], frames.shape[-2]], dtype=frames.dtype) - 1)
            ),
            "Answer in pixels, not as a share of the width.",
        ),
        Mistake(
            "brightest pixel",
            brightest,
            "That is the brightest pixel. The centre is the mean place of all ink.",
        ),
        Mistake(
            "a corner where there is nothing",
            with_floor,
            "A blank frame has no centre: let the division say nan, do not call it 0.",
        ),
        Mistake(
            "one centre for the clip",
            lambda frames: centre_of_ink(frames.mean(1, keepdim=True)).expand(
                -1, frames.shape[1], 2
            ),
            "Every frame has its own centre: do not average over the frames.",
        ),
    ],
)
