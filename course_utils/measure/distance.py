"""How far apart: distances of samples and of distributions, and what two tensors share."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


def correlation(a: Tensor, b: Tensor) -> float:
    """Pearson correlation of two tensors of one shape, over all their entries; in [-1, 1].

    Raises:
        ValueError: the shapes differ.
    """
    if a.shape != b.shape:
        raise ValueError(f"both must have one shape; got {tuple(a.shape)} and {tuple(b.shape)}.")
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])


def energy_distance(x: Tensor, y: Tensor) -> float:
    """Distance between two distributions from samples: 2 E|x - y| - E|x - x'| - E|y - y'|.

    It is 0 only when the distributions are equal, and needs no network to compute. This is the
    unbiased estimate, so samples of one distribution give about 0, sometimes just below.

    Args:
        x: (N, ...) samples, N >= 2.
        y: (M, ...) samples of the same shape, M >= 2.

    Returns:
        The distance, in units of x.

    Raises:
        ValueError: fewer than two samples, or shapes that differ.

    Source: Szekely & Rizzo 2013, "Energy statistics: a class of statistics based on distances".
    """
    if min(len(x), len(y)) < 2 or x.shape[1:] != y.shape[1:]:
        raise ValueError(
            "x and y must be two or more samples each, of one shape; got "
            f"{tuple(x.shape)} and {tuple(y.shape)}."
        )
    x, y = x.flatten(1), y.flatten(1)
    within = sum(distances(z, z).sum().item() / (len(z) * (len(z) - 1)) for z in (x, y))
    return 2 * distances(x, y).mean().item() - within


def distances(x: Tensor, y: Tensor) -> Tensor:
    """(N, M) Euclidean distances of x (N, D) and y (M, D), exact for equal points.

    torch's faster way, by a matrix product, loses small distances between far-out points.
    """
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


def nearest(x: Tensor, y: Tensor, count: int = 1) -> Tensor:
    """(N, count) Euclidean distances of each x (N, ...) to its nearest neighbours in y (M, ...).

    They rise along the second axis. A copy under noise may be as far from y as a new example; but
    its distance to the nearest is small beside that to the second nearest.
    """
    return distances(x.flatten(1), y.flatten(1)).topk(count, largest=False).values


def covered(reference: Tensor, points: Tensor, radius: float) -> float:
    """Share of the reference points (M, D) that have one of the points (N, D) within `radius`.

    Points that all lie in one place of a surface are on it, and cover next to nothing.

    Raises:
        ValueError: the radius is not positive, there are no reference points, or the points have
            another number of coordinates.
    """
    if not radius > 0 or not len(reference) or reference.shape[1:] != points.shape[1:]:
        raise ValueError(
            "covered needs reference points, points of as many coordinates and a radius above 0; "
            f"got {tuple(reference.shape)}, {tuple(points.shape)} and radius={radius}."
        )
    if not len(points):
        return 0.0
    return float((nearest(reference, points)[:, 0] <= radius).float().mean())


@dataclass(frozen=True)
class Modes:
    """Where points lie about known centres; made by `modes`.

    Attributes:
        shares: (K,) share of all points that is near each centre.
        spread: standard deviation of those points about their centre, in the direction in which
            it is smallest for that centre; nan when there are none.
    """

    shares: Tensor
    spread: float

    @property
    def on_mode(self) -> float:
        """Share of all points that is near some centre."""
        return float(self.shares.sum())


def modes(points: Tensor, centres: Tensor, radius: float) -> Modes:
    """Count points (N, D) within `radius` of each of the centres (K, D), and measure their spread.

    Three numbers, because each alone can be fooled: copies of one centre are all *on a mode*, and
    copies of every centre are evenly shared out, but neither has the spread of the data. Nor has a
    streak through each centre, which is as wide as the data in one direction only.
    """
    away, which = distances(points, centres).min(1)  # (N,) each
    near = away <= radius
    counts = torch.bincount(which[near], minlength=len(centres))
    total = 0.0
    for k, centre in enumerate(centres):
        offset = (points[near & (which == k)] - centre).cpu().double()  # (n, D); eigvalsh is not
        total += float(torch.linalg.eigvalsh(offset.T @ offset)[0].clamp(min=0))  # on every device
    number = int(counts.sum())
    return Modes(counts / len(points), (total / number) ** 0.5 if number else math.nan)


@dataclass(frozen=True)
class Saturation:
    """How a set of values uses its range; made by `saturation`.

    Attributes:
        low: share of values at the lower limit, or below.
        high: share of values at the upper limit, or above.
        beyond: mean distance beyond the limits, over all values, those inside counted as 0; in
            units of the values.
    """

    low: float
    high: float
    beyond: float


def saturation(values: Tensor, limit: float = 1.0, *, tolerance: float = 0.01) -> Saturation:
    """Shares of values at the limits, and how far they go beyond. Measure what was not clipped.

    Real images have such shares too, a digit's background is at the lower limit: compare with
    theirs.

    Args:
        values: (...) at least one.
        limit: values should lie in [-limit, limit]; above 0.
        tolerance: what is this near to a limit, as a share of it, is at the limit; in [0, 1).

    Raises:
        ValueError: there are no values, they are integers or nan, or an argument is outside its
            range.
    """
    if not values.is_floating_point() or bool(values.isnan().any()):
        raise ValueError(
            f"values must be floating point and no nan; got {values.dtype}. For images of bytes "
            "use images / 127.5 - 1."
        )
    if not values.numel() or not limit > 0 or not 0 <= tolerance < 1:
        raise ValueError(
            "expected values, limit > 0 and tolerance in [0, 1); got shape "
            f"{tuple(values.shape)}, limit={limit} and tolerance={tolerance}."
        )
    edge = limit * (1 - tolerance)
    low, high = ((side >= edge).float().mean().item() for side in (-values, values))
    return Saturation(low, high, (values.abs() - limit).clamp(min=0).mean().item())
