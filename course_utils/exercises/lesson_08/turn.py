"""Exercise 08.1: rotary positions."""

import math
from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Mistake


def turn(x: Tensor, speeds: Tensor) -> Tensor:
    """Each pair of features turned by its position times the speed of the pair."""
    return _turned(x, torch.arange(len(x))[:, None] * speeds)


def _turned(x: Tensor, angles: Tensor) -> Tensor:
    """Pairs of neighbours turned counter-clockwise by angles (T, K / 2)."""
    a, b = x[:, 0::2], x[:, 1::2]
    cos, sin = angles.cos(), angles.sin()
    return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(1)


def _angles(x: Tensor, speeds: Tensor, first: int = 0) -> Tensor:
    return (first + torch.arange(len(x)))[:, None] * speeds


def _halves(x: Tensor, speeds: Tensor) -> Tensor:
    """Feature p paired with p + K / 2, as other libraries do."""
    a, b = x.chunk(2, dim=1)
    angles = _angles(x, speeds)
    return torch.cat(
        [a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()], dim=1
    )


def _joined(x: Tensor, speeds: Tensor) -> Tensor:
    """Right pairs, put side by side as two halves."""
    return torch.cat([turn(x, speeds)[:, 0::2], turn(x, speeds)[:, 1::2]], dim=1)


def _overwritten(x: Tensor, speeds: Tensor) -> Tensor:
    """The second feature is computed from the first one that was turned already."""
    result, angles = x.clone(), _angles(x, speeds)
    result[:, 0::2] = result[:, 0::2] * angles.cos() - result[:, 1::2] * angles.sin()
    result[:, 1::2] = result[:, 0::2] * angles.sin() + result[:, 1::2] * angles.cos()
    return result


def vectors_cases() -> list[tuple[Any, ...]]:
    """Few and many positions, one pair, speeds that are fast, slow, equal, zero or negative."""
    return [
        (torch.randn(5, 4), torch.tensor([1.0, 0.1])),
        (torch.randn(9, 2), torch.tensor([0.5])),
        (torch.randn(40, 6), torch.tensor([1.0, 0.03, 0.001])),
        (torch.randn(3, 8), torch.tensor([2.0, -0.7, 0.0, 0.7])),
        (torch.randn(1, 4), torch.tensor([1.0, 2.0])),
        (torch.randn(6, 6), torch.full((3,), 0.4)),
    ]


TURN = Exercise(
    id="08.1",
    title="positions as rotations",
    reference=turn,
    cases=vectors_cases,
    tolerance=1e-3,
    mistakes=[
        Mistake(
            "pairs of halves",
            _halves,
            "Your pairs are feature p and p + K/2. Here neighbours are a pair: x[:, 0::2] and "
            "x[:, 1::2].",
        ),
        Mistake(
            "halves in the result",
            _joined,
            "The turned features are right, but all first ones come before all second ones. "
            "They must lie as in x: neighbours. torch.stack(..., -1).flatten(1) does that.",
        ),
        Mistake(
            "clockwise",
            lambda x, speeds: turn(x, -speeds),
            "It turns the other way round. The minus stands in the first feature: "
            "a cos - b sin, and a sin + b cos.",
        ),
        Mistake(
            "positions from one",
            lambda x, speeds: _turned(x, _angles(x, speeds, first=1)),
            "The first position is turned already. Positions count from 0, so row 0 stays.",
        ),
        Mistake(
            "one speed for all",
            lambda x, speeds: turn(x, speeds[:1].expand_as(speeds)),
            "All pairs turn at the speed of the first. Each has its own.",
        ),
        Mistake(
            "the same angle at each position",
            lambda x, speeds: _turned(x, speeds.expand(len(x), -1)),
            "Every position turns by the same angle. The angle is the position times the speed.",
        ),
        Mistake(
            "degrees",
            lambda x, speeds: turn(x, speeds * math.pi / 180),
            "The angles were taken for degrees. cos and sin take radians, as speeds are given.",
        ),
        Mistake(
            "computed from what was turned",
            _overwritten,
            "The second feature is made from the first one after it was turned. Keep both old "
            "values until both new ones are there.",
        ),
        Mistake(
            "minus in both",
            lambda x, speeds: torch.stack(
                [
                    x[:, 0::2] * _angles(x, speeds).cos() - x[:, 1::2] * _angles(x, speeds).sin(),
                    x[:, 0::2] * _angles(x, speeds).sin() - x[:, 1::2] * _angles(x, speeds).cos(),
                ],
                -1,
            ).flatten(1),
            "The second feature has a plus: a sin + b cos. With a minus the point is mirrored, "
            "not turned.",
        ),
        Mistake(
            "position times vector",
            lambda x, speeds: x * _angles(x, speeds).repeat_interleave(2, dim=1),
            "The vector is multiplied by the angle. Turning keeps its length: use cos and sin.",
        ),
    ],
)
