"""A detector of flat coloured shapes on black: what stands where in a drawing.

Letters: N drawings, C colours, S pixels on a side.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

OUTLINES = ("circle", "square", "triangle")
FAINT = 0.3  # a pixel darker than this is no ink
LEAST = 5.0  # pixels of ink, of a drawing 16 wide, that make a thing
WORST = 0.3  # ink in the wrong place, as a share of the thing, above which it is no known shape


@dataclass(frozen=True)
class Seen:
    """One thing in a drawing.

    Attributes:
        colour: the name of its ink.
        shape: "circle", "square" or "triangle", or None for what is none of them.
        area: its ink, in pixels of a drawing 16 wide.
        x: of the middle of its ink, in pixels of a drawing 16 wide, to the right.
        y: the same, downwards.
        misfit: the ink that lies where the nearest shape has none, or lacks where it has some, as
            a share of its area.
    """

    colour: str
    shape: str | None
    area: float
    x: float
    y: float
    misfit: float


def see(images: Tensor, inks: Mapping[str, tuple[float, float, float]]) -> list[list[Seen]]:
    """What stands in each drawing, one thing a colour, the largest first.

    Each pixel belongs to the ink that it resembles most, whatever its brightness. All ink of a
    colour is taken as one thing, and compared with the three shapes of its area and middle: what is
    none of them (two circles, half a circle, a ring, noise) fits badly and has no shape.

    Args:
        images: (N, 3, S, S) in [-1, 1], -1 is black; what lies outside is cut off.
        inks: name -> red, green and blue in [0, 1].

    Returns:
        For each of the N drawings the things in it; none in an empty one.

    Raises:
        ValueError: the images have another shape, hold NaN, or there is no ink.
    """
    if images.ndim != 4 or images.shape[1] != 3 or images.shape[2] != images.shape[3]:
        raise ValueError(f"images must have shape (N, 3, S, S); got {tuple(images.shape)}.")
    if not inks:
        raise ValueError("the detector needs the name and colour of one ink at least.")
    if bool(images.isnan().any()):
        raise ValueError("images hold NaN. Look at what drew them first.")
    light = ((images.detach().float().cpu() + 1) / 2).clamp(0, 1)
    ink = _ink(light, torch.tensor([*inks.values()], dtype=torch.float))  # (N, C, S, S)
    unit = (16 / images.shape[-1]) ** 2
    area = ink.sum((2, 3))  # (N, C)
    found: list[list[Seen]] = [[] for _ in images]
    rows, colours = (area * unit > LEAST).nonzero(as_tuple=True)
    if not len(rows):
        return found
    kept = ink[rows, colours]  # (K, S, S), one for each thing
    middle = _middle(kept)  # (K, 2)
    misfit = _misfits(kept, middle)  # (K, shapes)
    names = list(inks)
    for k, (row, colour) in enumerate(zip(rows.tolist(), colours.tolist(), strict=True)):
        least, best = misfit[k].min(0)
        shape = OUTLINES[int(best)] if least < WORST else None
        x, y = (middle[k] * 16 / images.shape[-1]).tolist()
        size = float(area[row, colour]) * unit
        found[row].append(Seen(names[colour], shape, size, x, y, float(least)))
    return [sorted(things, key=lambda thing: -thing.area) for things in found]


def _ink(light: Tensor, inks: Tensor) -> Tensor:
    """(N, C, S, S): how much of each ink lies on each pixel of light (N, 3, S, S)."""
    strength = light.amax(1, keepdim=True)  # (N, 1, S, S)
    hue = light / strength.clamp(min=1e-6)
    away = (hue[:, None] - inks[None, :, :, None, None]).square().sum(2)  # (N, C, S, S)
    nearest = away.argmin(1, keepdim=True)
    mine = torch.zeros_like(away).scatter(1, nearest, 1.0)
    return mine * strength * (strength > FAINT)


def _middle(ink: Tensor) -> Tensor:
    """(K, 2): x and y of the centre of ink (K, S, S), in pixels from the corner."""
    axis = torch.arange(ink.shape[-1]) + 0.5
    total = ink.sum((1, 2))
    return torch.stack([(ink.sum(1) * axis).sum(1), (ink.sum(2) * axis).sum(1)], 1) / total[:, None]


def _misfits(ink: Tensor, middle: Tensor) -> Tensor:
    """(K, shapes): how badly ink (K, S, S) fits each shape of about its area, around its middle."""
    area = ink.sum((1, 2))
    tries = []
    for factor in (0.9, 1.0, 1.1, 1.2):  # faint edges are lost, and a brush may be broad
        drawn = _outlines(middle, factor * area, ink.shape[-1])  # (K, shapes, S, S)
        drawn = drawn * (drawn > FAINT)
        tries.append((drawn - ink[:, None]).abs().sum((2, 3)) / area[:, None])
    return torch.stack(tries).amin(0)


def _outlines(middle: Tensor, area: Tensor, side: int) -> Tensor:
    """(K, shapes, S, S): each shape around middle (K, 2), of this area (K,), with soft edges.

    A pixel is covered by 1/2 - d, cut to [0, 1], where d is its distance from the outline, negative
    inside.
    """
    axis = torch.arange(side) + 0.5
    x = axis[None, None, :] - middle[:, 0, None, None]
    y = axis[None, :, None] - middle[:, 1, None, None]
    x, y = torch.broadcast_tensors(x, y)  # (K, S, S)
    size = area[:, None, None]
    radius, half = (size / math.pi).sqrt(), size.sqrt() / 2
    height = (size * math.sqrt(3)).sqrt()
    slope = (x.abs() * math.sqrt(3) - y - 2 * height / 3) / 2
    distance = torch.stack(
        [
            (x.square() + y.square()).sqrt() - radius,
            torch.maximum(x.abs(), y.abs()) - half,
            torch.maximum(y - height / 3, slope),
        ],
        dim=1,
    )
    return (0.5 - distance).clamp(0, 1)
