"""Steps of a sampler: each moves a state x from time t to an earlier time s.

A step is any function step(model, x, t, s) -> x_s, prediction. It asks model(x, t) once or more,
and finds the noise levels in model.schedule. Letters: B batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from course_utils.diffusion.inputs import Time, check_earlier
from course_utils.diffusion.objective import randn
from course_utils.diffusion.schedule import NO_DATA, Schedule
from course_utils.records import Prediction


class Asked(Protocol):
    """What a step needs of a model. A `Denoiser` will do; `sample` also binds its condition."""

    schedule: Schedule

    def __call__(self, x_t: Tensor, t: Time) -> Prediction:
        """Estimate the data and the noise in x_t (B, ...) at a time t, or at times t (B,)."""


Step = Callable[[Asked, Tensor, float, float], tuple[Tensor, Prediction]]


def gaussian_step(
    prediction: Prediction,
    alpha: float,
    sigma: float,
    *,
    fresh: float = 0.0,
    noise: Tensor | float = 0.0,
) -> Tensor:
    """x_s = alpha_s x0_hat + sqrt(sigma_s^2 - fresh^2) eps_hat + fresh z.

    Move the estimate of the data to the next noise level, keep part of the estimated noise, and
    draw the rest anew.

    Args:
        prediction: x0_hat and eps_hat, each (B, ...).
        alpha: alpha_s, the factor of the data at the time s to go to, at least 0.
        sigma: sigma_s, the factor of the noise there, at least 0.
        fresh: standard deviation of the new noise, in [0, sigma_s]; 0 is DDIM.
        noise: (B, ...) standard normal z; not needed when fresh is 0.

    Returns:
        (B, ...) x_s.

    Raises:
        ValueError: a factor or fresh is outside its range, or fresh is above 0 and there is no
            noise of this shape.

    Source: Song et al. 2021, equation 12, arXiv:2010.02502.
    """
    if not (alpha >= 0 and sigma >= 0):
        raise ValueError(f"alpha and sigma must be at least 0; got {alpha:.4g} and {sigma:.4g}.")
    if not 0 <= fresh <= sigma + 1e-6:
        raise ValueError(f"fresh must lie in [0, sigma_s] = [0, {sigma:.4g}]; got {fresh:.4g}.")
    if fresh and not isinstance(noise, Tensor):
        raise ValueError(f"fresh = {fresh:.4g} needs noise. Give noise=torch.randn_like(x).")
    if fresh and getattr(noise, "shape", None) != prediction.x0_hat.shape:
        raise ValueError(
            f"noise must have the shape of x, {tuple(prediction.x0_hat.shape)}; got "
            f"{tuple(getattr(noise, 'shape', ()))}."
        )
    kept = max(0.0, sigma**2 - fresh**2) ** 0.5
    x_s = alpha * prediction.x0_hat + kept * prediction.eps_hat
    return x_s + fresh * noise if fresh else x_s


def posterior_std(alpha_t: float, sigma_t: float, alpha_s: float, sigma_s: float) -> float:
    """Standard deviation of q(x_s | x_t, x0): the fresh noise of an ancestral step from t to s < t.

    Args:
        alpha_t: factor of the data at t, at least 0.
        sigma_t: factor of the noise at t, above 0.
        alpha_s: factor of the data at s, above 0.
        sigma_s: factor of the noise at s, at least 0.

    Raises:
        ValueError: a factor is outside its range, or s is the noisier one.

    Source: Ho et al. 2020, equation 7, arXiv:2006.11239, for any two times.
    """
    if not (alpha_t >= 0 and sigma_t > 0 and alpha_s > 0 and sigma_s >= 0):
        raise ValueError(
            "expected alpha_t >= 0, sigma_t > 0, alpha_s > 0 and sigma_s >= 0; got "
            f"{alpha_t:.4g}, {sigma_t:.4g}, {alpha_s:.4g} and {sigma_s:.4g}."
        )
    ratio = alpha_t * sigma_s / (alpha_s * sigma_t)
    if ratio > 1 + 1e-6:
        raise ValueError(
            "an ancestral step goes to less noise: sigma_s / alpha_s must be at most sigma_t / "
            f"alpha_t; got {sigma_s / alpha_s:.4g} and {sigma_t / alpha_t:.4g}. Swap t and s?"
        )
    return sigma_s * max(0.0, 1 - ratio**2) ** 0.5


def ddim(model: Asked, x: Tensor, t: float, s: float) -> tuple[Tensor, Prediction]:
    """The same data and the same noise, mixed for time s. Under `Flow` this is Euler's step.

    Source: Song et al. 2021, equation 12 with sigma = 0, arXiv:2010.02502.
    """
    said = model(x, t)
    return gaussian_step(said, *model.schedule.level(s)), said


def ancestral(eta: float = 1.0, generator: torch.Generator | None = None) -> Step:
    """A step that draws part of the noise anew, as much as the posterior q(x_s | x_t, x0) has.

    Args:
        eta: share of that noise: 1 is DDPM, 0 is DDIM, between them a mixture.
        generator: source of the noise; torch's global one if None.

    Raises:
        ValueError: eta is outside [0, 1].

    Source: Ho et al. 2020, algorithm 2, arXiv:2006.11239; eta: Song et al. 2021, equation 16.
    """
    if not 0 <= eta <= 1:
        raise ValueError(f"eta must lie in [0, 1], 0 = DDIM and 1 = DDPM; got {eta}.")

    def step(model: Asked, x: Tensor, t: float, s: float) -> tuple[Tensor, Prediction]:
        said = model(x, t)
        now, then = model.schedule.level(t), model.schedule.level(s)
        if eta:
            check_earlier(t, s)
        fresh = eta * posterior_std(*now, *then)
        noise = randn(x.shape, like=x, generator=generator) if fresh else 0.0
        return gaussian_step(said, *then, fresh=fresh, noise=noise), said

    return step


def renoise(generator: torch.Generator | None = None) -> Step:
    """A step that keeps none of the noise: x_s = alpha_s x0_hat + sigma_s z, all of it drawn anew.

    For a model whose x0_hat is already a sample, such as a consistency model. Of an ordinary
    denoiser, whose x0_hat is an average, it makes blurred samples.

    Args:
        generator: source of the noise; torch's global one if None.

    Source: multistep consistency sampling, Song et al. 2023, algorithm 1, arXiv:2303.01469.
    """

    def step(model: Asked, x: Tensor, t: float, s: float) -> tuple[Tensor, Prediction]:
        check_earlier(t, s)
        said = model(x, t)
        alpha, sigma = model.schedule.level(s)
        noise = randn(x.shape, like=x, generator=generator) if sigma else 0.0
        return gaussian_step(said, alpha, sigma, fresh=sigma, noise=noise), said

    return step


def heun(model: Asked, x: Tensor, t: float, s: float) -> tuple[Tensor, Prediction]:
    """Go to s, ask again there, and take the mean of both directions from x: two calls a step.

    A direction is dx = x0_hat dalpha + eps_hat dsigma. The step to s = 0 asks once: there is no
    noise there to ask about.

    Source: Karras et al. 2022, algorithm 1 (there alpha is 1), arXiv:2206.00364.
    """
    (alpha_t, sigma_t), (alpha_s, sigma_s) = model.schedule.level(t), model.schedule.level(s)
    said = model(x, t)
    x_s = gaussian_step(said, alpha_s, sigma_s)
    if s > 0:
        there = model(x_s, s)
        x0_hat, eps_hat = (said.x0_hat + there.x0_hat) / 2, (said.eps_hat + there.eps_hat) / 2
        x_s = x + (alpha_s - alpha_t) * x0_hat + (sigma_s - sigma_t) * eps_hat
    return x_s, said


def dpm_solver_2m() -> Step:
    """A step along the line through the last two estimates of the data: as good with fewer calls.

    x0 = x0_hat + reach / 2 (x0_hat - earlier), where `reach` is the length of this step in units
    of the one before, on the axis of the log SNR. The first step has no line yet and is a DDIM
    step; so is the last, whose log SNR is infinite. It remembers the last estimate of each run. By
    hand, make a new one for each: a run that begins where another broke off is taken for it.

    Source: DPM-Solver++(2M): Lu et al. 2022, algorithm 2, arXiv:2211.01095.
    """
    last: WeakKeyDictionary[Asked, tuple[float, float, Tensor]] = WeakKeyDictionary()

    def step(model: Asked, x: Tensor, t: float, s: float) -> tuple[Tensor, Prediction]:
        said = model(x, t)
        x0 = said.x0_hat
        reached, before, earlier = last.get(model, (-1.0, -1.0, x0))
        last[model] = s, t, x0.clone()  # the caller may change the other one
        if reached == t and s > 0 and earlier.shape == x0.shape:
            x0 = x0 + reach(model.schedule, before, t, s) / 2 * (x0 - earlier)
        prediction = with_x0(x0, x, *model.schedule.level(t))
        return gaussian_step(prediction, *model.schedule.level(s)), said

    return step


def reach(schedule: Schedule, before: float, t: float, s: float) -> float:
    """Length of the step from t to s in units of the step from `before` to t, in log SNR.

    Where `before` has no data left (alpha = 0), its log SNR is minus infinity, and beside the step
    that came from there no other has a length. There alpha / sigma is the axis: it begins at 0, and
    as d(x / sigma) = x0_hat d(alpha / sigma), a line on it is of second order too.
    """
    ratios = [alpha / sigma for alpha, sigma in map(schedule.level, (before, t, s))]
    if schedule.level(before)[0] >= NO_DATA:
        ratios = [math.log(ratio) for ratio in ratios]  # half the log SNR
    first, here, there = ratios
    return (there - here) / (here - first)


def with_x0(
    x0_hat: Tensor, x_t: Tensor, alpha: Tensor | float, sigma: Tensor | float
) -> Prediction:
    """A prediction with this estimate of the data, and the noise that is then left in x_t."""
    return Prediction(x0_hat, (x_t - alpha * x0_hat) / sigma)
