"""Denoisers known in closed form: the best that any network can do on a known distribution.

They answer like a trained `Denoiser`, so every sampler and every measure works on them.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from course_utils.diffusion.inputs import Time
from course_utils.diffusion.schedule import NO_DATA, Schedule
from course_utils.records import Prediction


class GaussianMixtureDenoiser(nn.Module):
    """The exact E[x0 | x_t] of a mixture of K round Gaussians in D dimensions.

    With p(x0) = sum_k w_k N(m_k, std^2 I), x_t is a mixture of Gaussians with means alpha m_k and
    variance alpha^2 std^2 + sigma^2, and inside each component x0 given x_t is linear.

    Args:
        means: (K, D).
        std: standard deviation of each component, >= 0; 0 makes the mixture a finite data set.
        schedule: gives alpha and sigma.
        weights: (K,) at least 0, normalised here; equal if None.

    Raises:
        ValueError: shapes do not match, or std or a weight is negative.
    """

    def __init__(
        self, means: Tensor, std: float, schedule: Schedule, weights: Tensor | None = None
    ) -> None:
        super().__init__()
        weights = torch.ones(len(means)) if weights is None else weights
        if means.ndim != 2 or weights.shape != means.shape[:1]:
            raise ValueError(
                f"means must have shape (K, D) and weights (K,); got {tuple(means.shape)} and "
                f"{tuple(weights.shape)}."
            )
        if not 0 <= std < math.inf or bool((weights < 0).any()) or not float(weights.sum()) > 0:
            raise ValueError(
                f"std and weights must be >= 0, and one weight above; got {std} and {weights}."
            )
        self.means: Tensor
        self.log_weights: Tensor
        self.register_buffer("means", means)
        self.register_buffer("log_weights", (weights / weights.sum()).log().to(means))
        self.std = float(std)
        self.schedule = schedule

    def log_joint(self, x_t: Tensor, t: Time) -> Tensor:
        """(B, K) log of w_k N(x_t; alpha m_k, alpha^2 std^2 + sigma^2), for x_t (B, D), t (B,)."""
        alpha, sigma = self.schedule.at(t, x_t)  # (B, 1)
        variance = (alpha * self.std) ** 2 + sigma**2
        # |x - alpha m|^2 as matrix products, so that a large data set stays fast; in float64 where
        # there is one, because at little noise the terms nearly cancel.
        precise = torch.float32 if x_t.device.type == "mps" else torch.float64
        x, means, factor = (z.to(precise) for z in (x_t, self.means, alpha))
        squared = (
            x.square().sum(1, keepdim=True)
            - 2 * factor * (x @ means.T)
            + factor**2 * means.square().sum(1)
        ).to(x_t.dtype)  # (B, K)
        log_normal = -squared / (2 * variance) - 0.5 * x_t.shape[1] * (2 * math.pi * variance).log()
        return self.log_weights + log_normal

    def log_prob(self, x_t: Tensor, t: Time) -> Tensor:
        """(B,) log density of x_t (B, D) at times t (B,), in nats."""
        return self.log_joint(x_t, t).logsumexp(1)

    def forward(self, x_t: Tensor, t: Time, cond: Tensor | None = None) -> Prediction:
        """The exact x0_hat and eps_hat for x_t (B, ...) at times t (B,) > 0, or one for all.

        Raises:
            ValueError: x_t has another number of coordinates than the data; t is outside its range.
        """
        flat = x_t.flatten(1)  # (B, D)
        if flat.shape[1] != self.means.shape[1]:
            raise ValueError(
                f"x_t must hold {self.means.shape[1]} numbers an example, as the data does; got "
                f"{tuple(x_t.shape)}."
            )
        alpha, sigma = self.schedule.at(t, flat)
        if sigma.device.type == "cpu" and bool((sigma < NO_DATA).any()):
            raise ValueError("t must be above 0: at t = 0 there is no noise in x_t to estimate.")
        posterior = self.log_joint(flat, t).softmax(1)  # (B, K)
        mean = posterior @ self.means.to(posterior.dtype)  # (B, D)
        variance = (alpha * self.std) ** 2 + sigma**2
        x0_hat = mean + alpha * self.std**2 / variance * (flat - alpha * mean)
        eps_hat = (flat - alpha * x0_hat) / sigma
        return Prediction(x0_hat.view_as(x_t), eps_hat.view_as(x_t))


class ExactDenoiser(GaussianMixtureDenoiser):
    """The exact denoiser of a finite data set: the average of its N examples, near ones first.

    x0_hat = sum_i softmax_i(-|x_t - alpha x_i|^2 / (2 sigma^2)) x_i. It is what a network of
    unlimited size would learn from these examples alone, and its samples are the examples.

    Args:
        data: (N, ...) the examples.
        schedule: gives alpha and sigma.

    Source: Karras et al. 2022, appendix B.3, arXiv:2206.00364.
    """

    def __init__(self, data: Tensor, schedule: Schedule) -> None:
        super().__init__(data.flatten(1), 0.0, schedule)
