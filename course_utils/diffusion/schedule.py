"""How much of the data and how much noise there is at each time: x_t = alpha(t) x0 + sigma(t) eps.

Time is continuous: 0 is data, 1 is noise. A new schedule is a subclass with `alpha` and `sigma`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from course_utils.diffusion.inputs import Time, check_times
from course_utils.layers import check_sizes

NO_DATA = 1e-6  # a factor below this is one of 0 that was rounded


class Schedule:
    """Base of all schedules. A subclass gives `alpha` and `sigma`; the rest follows from them."""

    def __repr__(self) -> str:
        """Name and settings: what a checkpoint remembers the schedule by."""
        settings = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({settings})"

    def alpha(self, t: Time) -> Tensor:
        """Factor of the data at time t in [0, 1]; same shape as t, falls from 1."""
        raise NotImplementedError

    def sigma(self, t: Time) -> Tensor:
        """Factor of the noise at time t in [0, 1]; same shape as t, rises from 0."""
        raise NotImplementedError

    def alpha_bar(self, t: Time) -> Tensor:
        """alpha(t)^2: the share of variance that is still data (Ho et al. write it with a bar)."""
        return self.alpha(t) ** 2

    def log_snr(self, t: Time) -> Tensor:
        """log(alpha^2 / sigma^2), in nats: the log of the signal-to-noise ratio.

        Infinite where a factor is 0: inf at t = 0, -inf at the end of `Flow`.
        """
        return 2 * (self.alpha(t).log() - self.sigma(t).log())

    def level(self, t: float) -> tuple[float, float]:
        """Both factors at one time in [0, 1], alpha and sigma, as plain numbers, or ValueError."""
        if not 0 <= t <= 1:
            raise ValueError(f"t must lie in [0, 1], 0 = data and 1 = noise; got {t}.")
        time = torch.tensor(t, dtype=torch.float64)
        return self.alpha(time).item(), self.sigma(time).item()

    def at(self, t: Time, x: Tensor) -> tuple[Tensor, Tensor]:
        """alpha(t) and sigma(t), shaped to multiply x.

        Args:
            t: (B,) times in [0, 1], one an example, or one float for all.
            x: (B, ...) the batch.

        Returns:
            alpha, sigma: each (B, 1, ...) or ().

        Raises:
            ValueError: t is not of shape (B,), not floating point, or outside [0, 1].
        """
        t = check_times(t, x)
        shape = (-1,) + (1,) * (x.ndim - 1) if t.ndim else ()
        return self.alpha(t).reshape(shape), self.sigma(t).reshape(shape)


@dataclass(frozen=True)
class LinearBeta(Schedule):
    """The DDPM schedule in continuous time: beta(t) rises linearly, alpha_bar = exp(-int_0^t beta).

    `beta_min` and `beta_max` are 1000 times DDPM's first and last beta, 0 < beta_min <= beta_max.

    Raises:
        ValueError: a beta is outside its range.

    Source: Ho et al. 2020, arXiv:2006.11239; continuous form: Song et al. 2021, equation 32,
    arXiv:2011.13456.
    """

    beta_min: float = 0.1
    beta_max: float = 20.0

    def __post_init__(self) -> None:
        if not 0 < self.beta_min <= self.beta_max < math.inf:
            raise ValueError(
                "expected finite 0 < beta_min <= beta_max; got "
                f"beta_min={self.beta_min} and beta_max={self.beta_max}."
            )

    def _log_alpha_bar(self, t: Time) -> Tensor:
        t = torch.as_tensor(t)
        return -t * (self.beta_min + 0.5 * t * (self.beta_max - self.beta_min))

    def alpha(self, t: Time) -> Tensor:
        """exp(log alpha_bar / 2)."""
        return (0.5 * self._log_alpha_bar(t)).exp()

    def sigma(self, t: Time) -> Tensor:
        """sqrt(1 - alpha_bar); expm1 keeps its digits near t = 0."""
        return (-torch.expm1(self._log_alpha_bar(t))).sqrt()


@dataclass(frozen=True)
class Cosine(Schedule):
    """alpha falls along a cosine: the data fades evenly instead of early.

    `offset` in [0, 1] keeps the very first steps from being too small.

    Raises:
        ValueError: the offset is outside its range.

    Source: Nichol & Dhariwal 2021, equation 17, arXiv:2102.09672.
    """

    offset: float = 0.008

    def __post_init__(self) -> None:
        if not 0 <= self.offset <= 1:
            raise ValueError(f"offset must lie in [0, 1]; got {self.offset}.")

    def _angles(self, t: Time) -> tuple[Tensor, float]:
        """How far the angle has turned at time t, and the angle that it began at."""
        start = self.offset / (1 + self.offset) * math.pi / 2
        return torch.as_tensor(t) * (math.pi / 2 - start), start

    def alpha(self, t: Time) -> Tensor:
        """cos(angle) / cos(angle at 0); 0 at t = 1."""
        turned, start = self._angles(t)
        return (turned + start).cos().clamp(min=0) / math.cos(start)

    def sigma(self, t: Time) -> Tensor:
        """sqrt(1 - alpha^2), written as a product of sines, which keeps its digits near t = 0."""
        turned, start = self._angles(t)
        return (turned.sin() * (turned + 2 * start).sin()).sqrt() / math.cos(start)


@dataclass(frozen=True)
class Flow(Schedule):
    """The straight line from data to noise: alpha = 1 - t, sigma = t.

    Source: rectified flow, Liu et al. 2022, arXiv:2209.03003; Lipman et al. 2022, arXiv:2210.02747.
    """

    def alpha(self, t: Time) -> Tensor:
        """1 - t."""
        return 1 - torch.as_tensor(t)

    def sigma(self, t: Time) -> Tensor:
        """The time itself."""
        return torch.as_tensor(t) * 1.0


def discrete_betas(schedule: Schedule, num_steps: int = 1000, max_beta: float = 0.999) -> Tensor:
    """The betas of the libraries: step i of `num_steps` keeps sqrt(1 - beta_i) of what it gets.

    Their integer timestep i = 0 ... num_steps - 1 is our time t = (i + 1) / num_steps.

    Args:
        schedule: a variance-preserving schedule (alpha^2 + sigma^2 = 1).
        num_steps: number of steps from data to noise, at least 1.
        max_beta: upper limit of a beta, in (0, 1), so that no step divides by zero.

    Returns:
        (num_steps,) float64 betas, beta_i = 1 - alpha_bar(t_i) / alpha_bar(t_{i-1}).

    Raises:
        ValueError: the schedule does not preserve the variance, so no betas make it, or an argument
            is outside its range.

    Source: Nichol & Dhariwal 2021, equation 17 and below, arXiv:2102.09672.
    """
    check_sizes(num_steps=num_steps)
    if not 0 < max_beta < 1:
        raise ValueError(f"max_beta must lie in (0, 1); got {max_beta}.")
    t = torch.linspace(0, 1, num_steps + 1, dtype=torch.float64)
    alpha_bar = schedule.alpha_bar(t)
    if not torch.allclose(alpha_bar + schedule.sigma(t) ** 2, torch.ones_like(t), atol=1e-6):
        raise ValueError(
            f"betas need a schedule with alpha^2 + sigma^2 = 1; got {schedule}. "
            "Use LinearBeta() or Cosine(), or divide both factors by sqrt(alpha^2 + sigma^2)."
        )
    return (1 - alpha_bar[1:] / alpha_bar[:-1]).clamp(max=max_beta)
