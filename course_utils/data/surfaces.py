"""Surfaces in space and clouds of points on them. Letters: N points, P points of a cloud.

Each has about unit variance, as the average of its three coordinates, so that one noise schedule
suits all. Points are even over the area. The distance of any point to each surface is known.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


class Surface(ABC):
    """A surface that can be sampled, and to which a distance can be measured.

    Distances raise ValueError for points that are not (..., 3), a surface for sizes that make none.
    """

    @abstractmethod
    def sample(self, num_points: int, *, generator: torch.Generator) -> Tensor:
        """Draw (N, 3) points, even over the area."""

    @abstractmethod
    def distance(self, points: Tensor) -> Tensor:
        """Euclidean distance (...) of points (..., 3) to the nearest place of the surface."""


def _in_space(points: Tensor) -> None:
    if not points.ndim or points.shape[-1] != 3:
        raise ValueError(f"points must have shape (..., 3); got {tuple(points.shape)}.")


@dataclass(frozen=True)
class Torus(Surface):
    """A ring lying flat: a circle of radius `tube` carried around one of radius `ring`.

    Source of even sampling: the share of the area at an angle of the tube is proportional to
    ring + tube cos(angle); Diaconis, Holmes & Shahshahani 2013, "Sampling from a manifold".
    """

    ring: float = 1.5
    tube: float = 0.6

    def __post_init__(self) -> None:
        if not 0 < self.tube < self.ring:
            raise ValueError(f"a torus needs 0 < tube < ring; got {self.tube} and {self.ring}.")

    def sample(self, num_points: int, *, generator: torch.Generator) -> Tensor:
        """Draw (N, 3) points, even over the area."""
        u, v = 2 * math.pi * torch.rand(2, num_points, generator=generator, dtype=torch.float64)
        ratio, angle = self.tube / self.ring, v.clone()
        for _ in range(50):  # solve angle + ratio sin(angle) = v; each pass gains a digit or so
            angle = angle - (angle + ratio * angle.sin() - v) / (1 + ratio * angle.cos())
        across = self.ring + self.tube * angle.cos()
        return torch.stack([across * u.cos(), across * u.sin(), self.tube * angle.sin()], 1).float()

    def distance(self, points: Tensor) -> Tensor:
        """Exact: |distance to the circle inside the tube - tube|."""
        _in_space(points)
        across = points[..., :2].norm(dim=-1) - self.ring
        return (torch.hypot(across, points[..., 2]) - self.tube).abs()


@dataclass(frozen=True)
class Cube(Surface):
    """The six faces of a cube around the origin; `half` is half its side."""

    half: float = 1.34

    def __post_init__(self) -> None:
        if not self.half > 0:
            raise ValueError(f"half of a cube's side must be above 0; got {self.half}.")

    def sample(self, num_points: int, *, generator: torch.Generator) -> Tensor:
        """Draw (N, 3) points, even over the area."""
        points = self.half * (2 * torch.rand(num_points, 3, generator=generator) - 1)
        axis = torch.randint(3, (num_points,), generator=generator)
        side = 2.0 * torch.randint(2, (num_points,), generator=generator) - 1
        points[torch.arange(num_points), axis] = side * self.half
        return points

    def distance(self, points: Tensor) -> Tensor:
        """Exact, inside and outside."""
        _in_space(points)
        beyond = points.abs() - self.half  # (..., 3)
        outside = beyond.clamp(min=0).norm(dim=-1)
        return torch.where(outside > 0, outside, -beyond.amax(dim=-1))


@dataclass(frozen=True)
class SwissRoll(Surface):
    """A sheet rolled up: a spiral from `first` to `last` (radians), `height` wide along y.

    The radius of the spiral grows with its angle, as `scale * angle`.
    """

    first: float = 1.5 * math.pi
    last: float = 4.0 * math.pi
    scale: float = 0.155
    height: float = 3.0

    def curve(self, num: int = 4000) -> Tensor:
        """(num, 2) places along the spiral, even in its length, in float64."""
        angle = torch.linspace(self.first, self.last, 20 * num, dtype=torch.float64)
        length = (angle * (1 + angle**2).sqrt() + angle.asinh()) / 2  # of an Archimedean spiral
        wanted = torch.linspace(float(length[0]), float(length[-1]), num, dtype=torch.float64)
        at = torch.searchsorted(length, wanted).clamp(1, len(length) - 1)
        share = (wanted - length[at - 1]) / (length[at] - length[at - 1])
        angle = angle[at - 1] + share * (angle[at] - angle[at - 1])
        return self.scale * angle[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1)

    def sample(self, num_points: int, *, generator: torch.Generator) -> Tensor:
        """Draw (N, 3) points, even over the area."""
        curve = self.curve().float()
        which = torch.rand(num_points, generator=generator) * (len(curve) - 1)
        below = which.long().clamp(max=len(curve) - 2)
        place = torch.lerp(curve[below], curve[below + 1], (which - below)[:, None])
        y = self.height * (torch.rand(num_points, generator=generator) - 0.5)
        return torch.stack([place[:, 0], y, place[:, 1]], dim=1)

    def distance(self, points: Tensor) -> Tensor:
        """To a chain of 4,000 places, and to the edge of the sheet: off by less than 0.002."""
        _in_space(points)
        flat = points[..., ::2].reshape(-1, 2)
        curve = self.curve().to(points)
        parts = [torch.cdist(part, curve).amin(dim=1) for part in flat.split(4096)]
        across = torch.cat(parts).view(points.shape[:-1])
        beyond = (points[..., 1].abs() - self.height / 2).clamp(min=0)
        return torch.hypot(across, beyond)


SURFACES: dict[str, Surface] = {"torus": Torus(), "Swiss roll": SwissRoll(), "cube": Cube()}


class Clouds(NamedTuple):
    """Points (N, P, 3) in no order, and labels (N,): 0 torus, 1 Swiss roll, 2 cube."""

    points: Tensor
    labels: Tensor


def random_clouds(num_clouds: int, num_points: int = 128, *, generator: torch.Generator) -> Clouds:
    """Draw clouds, each on one of the three surfaces.

    Every point of a cloud lies on the *same* surface: that is what a set has beyond its points.

    Args:
        num_clouds: N.
        num_points: P, at least 1.
        generator: on the CPU.

    Raises:
        ValueError: there are no clouds, or no points.
    """
    if min(num_clouds, num_points) < 1:
        raise ValueError(
            f"num_clouds and num_points must be at least 1; got {num_clouds} and {num_points}."
        )
    labels = torch.randint(len(SURFACES), (num_clouds,), generator=generator)
    points = torch.empty(num_clouds, num_points, 3)
    for label, surface in enumerate(SURFACES.values()):
        mine = labels == label
        drawn = surface.sample(int(mine.sum()) * num_points, generator=generator)
        points[mine] = drawn.view(-1, num_points, 3)
    return Clouds(points, labels)
