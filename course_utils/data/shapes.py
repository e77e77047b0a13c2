"""Drawings of scenes. Letters: N drawings, S pixels on a side, R points on a side of a pixel."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from course_utils.data.scenes import COLOURS, SHAPES, Placed, Scene

AREAS = {"small": 13.0, "large": 27.0}  # in pixels of a drawing 16 wide, whatever the shape
MIDDLE = 15.0  # of a thing of which no size is said
INK = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "yellow": (1, 1, 0)}
POINTS = 8  # R
AT_ONCE = 64  # shapes, so that a large set needs little memory


def draw_scenes(scenes: Sequence[Scene], *, side: int = 16, generator: torch.Generator) -> Tensor:
    """Draw each scene once, on black.

    No two drawings of a scene are the same: the area strays by up to 15 %, the place by up to 1.2
    pixels of 16 to each side, 0.4 where two things must not touch. All shapes of a size have the
    same area, and all are drawn the same way, a pixel being as bright as the share of its 64 points
    that lie inside, so nothing but the shape tells them apart.

    Args:
        scenes: N of them, at least one.
        side: S, at least 12: at fewer the detector cannot tell shapes apart.
        generator: on the CPU.

    Returns:
        (N, 3, S, S) float32 in [-1, 1], red, green and blue; -1 is black.

    Raises:
        ValueError: there is no scene, or the side is too small to tell shapes apart.
    """
    if not scenes:
        raise ValueError("expected at least one scene to draw; got none.")
    if side < 12:
        raise ValueError(f"side must be at least 12 pixels to tell shapes apart; got {side}.")
    centres, areas = zip(*(_layout(scene) for scene in scenes), strict=True)
    most = max(map(len, areas))
    kinds, inks = zip(*(_kinds(scene, most) for scene in scenes), strict=True)
    padded = [[*c, *[(8.0, 8.0)] * (most - len(c))] for c in centres]
    area = torch.tensor([[*a, *[0.0] * (most - len(a))] for a in areas])  # (N, M), 0 is no thing
    place = torch.tensor(padded)  # (N, M, 2)
    area = area * (1 + 0.15 * (2 * torch.rand(area.shape, generator=generator) - 1))
    stray = torch.tensor([1.2 if isinstance(scene, Placed) else 0.4 for scene in scenes])
    place = place + stray[:, None, None] * (2 * torch.rand(place.shape, generator=generator) - 1)
    scale = side / 16
    inside = cover(torch.tensor(kinds), place * scale, area * scale**2, side)  # (N, M, S, S)
    return 2 * torch.einsum("nmij,nmc->ncij", inside, torch.tensor(inks)) - 1


def cover(kinds: Tensor, centres: Tensor, areas: Tensor, side: int) -> Tensor:
    """The share of each pixel that each shape covers.

    Args:
        kinds: (...) numbers in `SHAPES`.
        centres: (..., 2) of mass, x to the right and y downwards, in pixels.
        areas: (...) in pixels; 0 covers nothing.
        side: S.

    Returns:
        (..., S, S) in [0, 1].
    """
    fine = (torch.arange(side * POINTS) + 0.5) / POINTS  # (S R,)
    shape = kinds.shape
    kinds, centres, areas = kinds.flatten(), centres.reshape(-1, 2), areas.flatten()
    pixels = torch.zeros(len(kinds), side, side)
    for kind, inside in enumerate((in_circle, in_square, in_triangle)):
        for some in (kinds == kind).nonzero()[:, 0].split(AT_ONCE):
            x = (fine - centres[some, 0, None])[:, None, :]
            y = (fine - centres[some, 1, None])[:, :, None]
            points = inside(x, y, areas[some, None, None]).float()  # (N, S R, S R)
            pixels[some] = avg_pool2d(points[:, None], POINTS)[:, 0]
    return pixels.view(*shape, side, side)


def in_circle(x: Tensor, y: Tensor, area: Tensor) -> Tensor:
    """Where x**2 + y**2 is below the squared radius."""
    return x**2 + y**2 < area / math.pi


def in_square(x: Tensor, y: Tensor, area: Tensor) -> Tensor:
    """Where neither |x| nor |y| exceeds half a side."""
    return torch.maximum(x.abs(), y.abs()) < area.sqrt() / 2


def in_triangle(x: Tensor, y: Tensor, area: Tensor) -> Tensor:
    """Between three equal sides, pointing up; a third of the height lies below the middle."""
    height = (area * math.sqrt(3)).sqrt()
    return (y < height / 3) & (x.abs() * math.sqrt(3) < y + 2 * height / 3)


def _layout(scene: Scene) -> tuple[list[tuple[float, float]], list[float]]:
    """Centres (x, y) and areas of the things of a scene, in a drawing 16 wide."""
    if isinstance(scene, Placed):
        x, y = ("right" in scene.place, "bottom" in scene.place)
        return [(4.5 + 7 * x, 4.5 + 7 * y)], [AREAS[scene.size]]
    along = scene.relation in ("left of", "right of")
    ends = (4.1, 11.9) if scene.relation in ("left of", "above") else (11.9, 4.1)
    return [(end, 8.0) if along else (8.0, end) for end in ends], [MIDDLE] * 2


def _kinds(scene: Scene, most: int) -> tuple[list[int], list[tuple[float, ...]]]:
    """Shapes and inks of the things of a scene, filled up to `most`."""
    things = (
        [(scene.colour, scene.shape)] if isinstance(scene, Placed) else [scene.first, scene.second]
    )
    assert all(colour in COLOURS for colour, _ in things)
    spare = most - len(things)
    shapes = [SHAPES.index(shape) for _, shape in things] + [0] * spare
    inks = [tuple(map(float, INK[colour])) for colour, _ in things] + [(0.0, 0.0, 0.0)] * spare
    return shapes, inks
