"""Points in the plane: the smallest data that a generative model can get wrong, and be seen to.

Every set has mean zero and variance about one in each coordinate, so that the same noise schedule
suits them all, images included. Letters: N points, K components, D dimensions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Mixture:
    """A mixture of Gaussians of one width, `sum_k weights[k] N(means[k], std^2 I)`.

    Its density, score and optimal denoiser are known in closed form, which is why it is here.

    Args:
        means: (K, D) centres.
        std: The standard deviation of every component, > 0.
        weights: (K,) probabilities of the components, summing to 1.

    Raises:
        ValueError: If a shape or a range is wrong.
    """

    means: Tensor
    std: float
    weights: Tensor

    def __post_init__(self) -> None:
        if self.means.ndim != 2 or self.weights.shape != self.means.shape[:1]:
            raise ValueError(
                "means must have shape (K, D) and weights (K,); "
                f"got {tuple(self.means.shape)} and {tuple(self.weights.shape)}."
            )
        if not self.std > 0:
            raise ValueError(f"std must be above 0; got {self.std}.")
        total = float(self.weights.sum())
        if bool((self.weights < 0).any()) or not math.isclose(total, 1.0, abs_tol=1e-5):
            raise ValueError(
                f"weights must be probabilities that sum to 1; got a sum of {total:.6g} and a "
                f"minimum of {float(self.weights.min()):.6g}. Divide them by their sum."
            )

    def sample(self, num_samples: int, *, generator: torch.Generator) -> Tensor:
        """Draw points: first a component, then a Gaussian around its mean.

        Args:
            num_samples: N.
            generator: The source of randomness, on the device of `means`.

        Returns:
            (N, D) points.
        """
        component = torch.multinomial(self.weights, num_samples, True, generator=generator)  # (N,)
        centre = self.means[component]  # (N, D)
        noise = torch.randn(centre.shape, generator=generator, device=centre.device)
        return centre + self.std * noise


def ring_mixture(num_modes: int = 8, *, radius: float | None = None, std: float = 0.1) -> Mixture:
    """Gaussians of equal weight on a circle, the first one on the positive x axis.

    Args:
        num_modes: K, the number of Gaussians.
        radius: Of the circle. By default `sqrt(2 (1 - std^2))`, which makes the variance of each
            coordinate exactly one when there are at least three modes.
        std: The standard deviation of each Gaussian, between 0 and 1.

    Returns:
        The mixture, with means (K, 2).

    Raises:
        ValueError: If `num_modes` or `std` is out of range.
    """
    if num_modes < 1:
        raise ValueError(f"num_modes must be at least 1; got {num_modes}.")
    if not 0 < std < 1:
        raise ValueError(f"std must lie between 0 and 1; got {std}.")
    if radius is None:
        radius = math.sqrt(2 * (1 - std**2))
    angle = torch.arange(num_modes) * (2 * math.pi / num_modes)  # (K,)
    means = radius * torch.stack([angle.cos(), angle.sin()], dim=1)  # (K, 2)
    return Mixture(means, std, torch.full((num_modes,), 1 / num_modes))


def ring(
    num_samples: int,
    num_modes: int = 8,
    *,
    radius: float | None = None,
    std: float = 0.1,
    generator: torch.Generator,
) -> Tensor:
    """Draw (N, 2) points from `ring_mixture(num_modes, radius=radius, std=std)`."""
    return ring_mixture(num_modes, radius=radius, std=std).sample(num_samples, generator=generator)


def moons(num_samples: int, *, noise: float = 0.1, generator: torch.Generator) -> Tensor:
    """Draw (N, 2) points from two interleaved half circles.

    Args:
        num_samples: N.
        noise: The standard deviation of the points around the curve, from 0 to below 1.
        generator: The source of randomness.

    Returns:
        (N, 2) points of mean zero and unit variance.
    """

    def curve(u: Tensor) -> Tensor:  # u in [0, 1): the first half is the upper moon
        upper, angle = u < 0.5, math.pi * (2 * u % 1)
        x = torch.where(upper, angle.cos(), 1 - angle.cos())
        y = torch.where(upper, angle.sin(), 0.5 - angle.sin())
        return torch.stack([x, y], dim=1)

    return _along(curve, num_samples, noise, generator)


def spiral(
    num_samples: int, *, turns: float = 1.5, noise: float = 0.05, generator: torch.Generator
) -> Tensor:
    """Draw (N, 2) points from an Archimedean spiral, about evenly along its length.

    Args:
        num_samples: N.
        turns: How often the spiral goes around, > 0.
        noise: The standard deviation of the points around the curve, from 0 to below 1.
        generator: The source of randomness.

    Returns:
        (N, 2) points of mean zero and unit variance.
    """
    if not turns > 0:
        raise ValueError(f"turns must be above 0; got {turns}.")

    def curve(u: Tensor) -> Tensor:
        radius = u.sqrt()  # the length of an Archimedean spiral grows like its radius squared
        angle = 2 * math.pi * turns * radius
        return torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1)

    return _along(curve, num_samples, noise, generator)


def _along(
    curve: Callable[[Tensor], Tensor], num_samples: int, noise: float, generator: torch.Generator
) -> Tensor:
    """Points at random places of a standardised curve, with noise that keeps the variance at one.

    The curve's own mean and variance (and not those of the sample) standardise it, so that points
    stay independent of each other.
    """
    if not 0 <= noise < 1:
        raise ValueError(f"noise must be at least 0 and below 1; got {noise}.")
    device = generator.device
    grid = curve((torch.arange(4096, device=device) + 0.5) / 4096)  # (4096, 2)
    std, mean = torch.std_mean(grid, dim=0)
    clean = (curve(torch.rand(num_samples, generator=generator, device=device)) - mean) / std
    fresh = torch.randn(clean.shape, generator=generator, device=device)
    return math.sqrt(1 - noise**2) * clean + noise * fresh
