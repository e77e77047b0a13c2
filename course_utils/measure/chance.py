"""What chance alone would give: entropies, scatter over repeats, the floor of a distance."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor


def entropy(probs: Tensor) -> Tensor:
    """Entropy -sum p log p over the last axis, in nats; (..., V) -> (...)."""
    return torch.special.entr(probs).sum(-1)


@dataclass(frozen=True)
class Scatter:
    """One number measured several times: with other seeds, or on other parts of the data.

    Attributes:
        values: the measurements, at least two.
    """

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Iterable[float | Tensor]) -> Scatter:
        """Collect measurements from numbers or tensors of one element."""
        return cls(tuple(float(value) for value in values))

    def __post_init__(self) -> None:
        if len(self.values) < 2:
            raise ValueError(
                f"scatter needs at least two measurements; got {len(self.values)}. "
                "Repeat with another seed, or with another part of the data."
            )

    @property
    def mean(self) -> float:
        """Their mean."""
        return sum(self.values) / len(self.values)

    @property
    def std(self) -> float:
        """Their standard deviation, with N - 1 below the line: how far one of them strays."""
        return float(torch.tensor(self.values, dtype=torch.float64).std())

    @property
    def low(self) -> float:
        """The smallest."""
        return min(self.values)

    @property
    def high(self) -> float:
        """The largest."""
        return max(self.values)

    def above(self, floor: Scatter) -> float:
        """How far this mean is above that of the floor, in units of the scatter of both.

        (mean - floor.mean) / sqrt(std^2 + floor.std^2). A ratio of the means would divide by a
        floor that may be zero.

        Raises:
            ValueError: neither of the two scatters.
        """
        unit = (self.std**2 + floor.std**2) ** 0.5
        if not unit:
            raise ValueError(
                f"there is no scatter to measure in: all values are {self.mean:g} and "
                f"{floor.mean:g}. Repeat with other seeds or other parts of the data."
            )
        return (self.mean - floor.mean) / unit

    def __str__(self) -> str:
        """``0.024 (0.021 to 0.026)``: the mean and the range."""
        return f"{self.mean:.3g} ({self.low:.3g} to {self.high:.3g})"


def subsampled(
    distance: Callable[[Tensor, Tensor], float],
    x: Tensor,
    y: Tensor | None = None,
    *,
    size: int,
    repeats: int = 20,
    generator: torch.Generator,
) -> Scatter:
    """A distance between random parts of two sets, `repeats` times: its mean and its scatter.

    Without `y` both parts come from x and share no example. That is the floor: what the distance
    says of two samples of the same distribution. Compare a model with the floor at the same `size`.

    The parts of different repeats overlap. So `std` is a fair size of one measurement at `size`
    examples while `size` is well below the number of examples, and too small near it.

    Args:
        distance: of two sets (size, ...), such as `energy_distance`.
        x: (N, ...) one set.
        y: (M, ...) the other; None measures the floor of x.
        size: examples in a part, at least 2: at most N and M, or N / 2 without y.
        repeats: at least 2.
        generator: chooses the parts.

    Raises:
        ValueError: there are too few examples.

    Source: Politis, Romano & Wolf 1999, "Subsampling".
    """
    most = len(x) // 2 if y is None else min(len(x), len(y))
    if not 2 <= size <= most:
        raise ValueError(f"size must lie between 2 and {most} for these sets; got {size}.")

    def some(z: Tensor, count: int) -> Tensor:
        order = torch.randperm(len(z), generator=generator, device=generator.device)
        return z[order[:count].to(z.device)]

    def pair() -> tuple[Tensor, Tensor]:
        if y is None:
            both = some(x, 2 * size)
            return both[:size], both[size:]
        return some(x, size), some(y, size)

    return Scatter.of(distance(*pair()) for _ in range(repeats))
