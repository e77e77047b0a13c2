"""From noise to data, one model call a step.

Every step is the same Gaussian: move the estimate of the data to the next noise level, keep part of
the estimated noise, and draw the rest fresh. How much is fresh is the only difference between DDIM
(none) and ancestral DDPM (as much as the posterior has).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, pairwise

import numpy as np
import torch
from torch import Tensor

from course_utils.diffusion.model import Predictor
from course_utils.diffusion.objective import randn
from course_utils.diffusion.schedule import Schedule
from course_utils.records import Prediction, SampleStep


def posterior_std(alpha_t: float, sigma_t: float, alpha_s: float, sigma_s: float) -> float:
    """Standard deviation of q(x_s | x_t, x0): the fresh noise of an ancestral step from t to s < t.

    Args:
        alpha_t: factor of the data at t.
        sigma_t: factor of the noise at t, above 0.
        alpha_s: factor of the data at s.
        sigma_s: factor of the noise at s.

    Source: Ho et al. 2020, equation 7, arXiv:2006.11239, for any two times.
    """
    ratio = alpha_t * sigma_s / (alpha_s * sigma_t)
    return sigma_s * max(0.0, 1 - ratio**2) ** 0.5


def gaussian_step(
    prediction: Prediction,
    alpha: float,
    sigma: float,
    *,
    fresh: float = 0.0,
    noise: Tensor | float = 0.0,
) -> Tensor:
    """x_s = alpha_s x0_hat + sqrt(sigma_s^2 - fresh^2) eps_hat + fresh z.

    Args:
        prediction: x0_hat and eps_hat, each (B, ...).
        alpha: alpha_s, the factor of the data at the time s to go to.
        sigma: sigma_s, the factor of the noise there.
        fresh: standard deviation of the new noise, in [0, sigma_s]; 0 is DDIM.
        noise: (B, ...) standard normal z; not needed when fresh is 0.

    Returns:
        (B, ...) x_s.

    Source: Song et al. 2021, equation 12, arXiv:2010.02502.
    """
    if not 0 <= fresh <= sigma + 1e-6:
        raise ValueError(f"fresh must lie in [0, sigma_s] = [0, {sigma:.4g}]; got {fresh:.4g}.")
    kept = max(0.0, sigma**2 - fresh**2) ** 0.5
    x_s = alpha * prediction.x0_hat + kept * prediction.eps_hat
    return x_s + fresh * noise if fresh else x_s


def sample(
    model: Predictor,
    shape: Sequence[int],
    *,
    num_steps: int = 50,
    eta: float = 0.0,
    order: int = 1,
    times: Sequence[float] | None = None,
    cond: Tensor | None = None,
    x_start: Tensor | None = None,
    t_start: float = 1.0,
    clip: float | None = None,
    generator: torch.Generator | None = None,
) -> Iterator[SampleStep[Prediction]]:
    """Generate examples, giving the state after each of `num_steps` model calls.

    Args:
        model: a `Denoiser`, or an exact one; model(x_t, t, cond) -> Prediction.
        shape: (B, ...) of what to generate.
        num_steps: model calls.
        eta: 0 is deterministic DDIM, 1 is ancestral DDPM, between them a mixture.
        order: 1 takes each estimate of the data as it is; 2 draws a line through the last two, to
            where the step leads. This is DPM-Solver++(2M): as good with far fewer calls. Needs
            eta 0.
        times: num_steps + 1 falling times from t_start to 0; evenly spaced if None. With order 2
            and few calls, `times_even_in_snr` is much better.
        cond: (B,) or (B, ...) conditions, or None.
        x_start: (B, ...) state at t_start; standard normal noise if None.
        t_start: time to start at, in (0, 1].
        clip: limit |x0_hat| to this before each step, 1.0 for images in [-1, 1]; None leaves it.
        generator: source of all noise; torch's global one if None.

    Returns:
        An iterator of `SampleStep`: t is the time of the state; the last one has t = 0 and holds
        the samples. The model is not called before the first is asked for.

    Raises:
        ValueError: an argument is outside its range, or the model predicts eps where alpha is 0.

    Source: DDPM: Ho et al. 2020, algorithm 2. DDIM and eta: Song et al. 2021, equations 12 and 16.
    Order 2: Lu et al. 2022, algorithm 2, arXiv:2211.01095.
    """
    if times is None:
        times = torch.linspace(t_start, 0, max(num_steps, 0) + 1, dtype=torch.float64).tolist()
    check_arguments(model, shape, num_steps, eta, order, times, x_start, t_start)
    if x_start is None:
        like = next(chain(model.parameters(), model.buffers()), torch.empty(0))
        x_start = randn(shape, like=like, generator=generator)
    return gaussian_steps(model, x_start, times, eta, order, cond, clip, generator)


def times_even_in_snr(
    schedule: Schedule, num_steps: int, low: float = -7.0, high: float = 6.0
) -> list[float]:
    """Times for `sample` whose log SNRs are evenly spaced: 1, then from `low` to `high`, then 0.

    Args:
        schedule: says the log SNR at each time.
        num_steps: model calls, at least 3.
        low: log SNR of the second time, in nats: nearly all noise.
        high: log SNR of the last time before 0: nearly all data.

    Returns:
        num_steps + 1 falling times.

    Raises:
        ValueError: too few steps, or log SNRs that this schedule has not got in this order.

    Source: Lu et al. 2022, section 3.3 (DPM-Solver), arXiv:2206.00927.
    """
    # Without the ends, where the log SNR is infinite.
    t = torch.linspace(1, 0, 10_001, dtype=torch.float64)[1:-1]
    log_snr = schedule.log_snr(t).numpy()
    if num_steps < 3 or not log_snr[0] <= low < high <= log_snr[-1]:
        raise ValueError(
            "expected num_steps >= 3 and log SNRs low < high between "
            f"{log_snr[0]:.1f} and {log_snr[-1]:.1f}, the ends of {schedule}; got "
            f"num_steps={num_steps}, low={low:g}, high={high:g}."
        )
    inner = np.interp(np.linspace(low, high, num_steps - 1), log_snr, t.numpy())
    return [1.0, *inner.tolist(), 0.0]


@torch.no_grad()
def gaussian_steps(
    model: Predictor,
    x: Tensor,
    times: Sequence[float],
    eta: float,
    order: int,
    cond: Tensor | None,
    clip: float | None,
    generator: torch.Generator | None,
) -> Iterator[SampleStep[Prediction]]:
    """The loop of `sample`: one Gaussian step between each two times, from x (B, ...) on."""
    grid = torch.tensor(times, dtype=torch.float64)
    schedule = model.schedule
    alpha, sigma = schedule.alpha(grid).tolist(), schedule.sigma(grid).tolist()
    log_snr = schedule.log_snr(grid).tolist()
    earlier: Tensor | None = None
    for i in range(len(times) - 1):  # from times[i] to times[i + 1]
        prediction = model(x, x.new_full((len(x),), times[i]), cond)
        if clip is not None:
            prediction = with_x0(prediction.x0_hat.clamp(-clip, clip), x, alpha[i], sigma[i])
        x0_hat = prediction.x0_hat
        if order == 2 and earlier is not None and times[i + 1] > 0:
            ahead = extrapolate(earlier, x0_hat, *log_snr[i - 1 : i + 2])
            prediction = with_x0(ahead, x, alpha[i], sigma[i])
        earlier = x0_hat
        fresh = eta * posterior_std(alpha[i], sigma[i], alpha[i + 1], sigma[i + 1]) if eta else 0.0
        noise = randn(x.shape, like=x, generator=generator) if fresh else 0.0
        x = gaussian_step(prediction, alpha[i + 1], sigma[i + 1], fresh=fresh, noise=noise)
        yield SampleStep(calls=i + 1, t=times[i + 1], state=x, prediction=prediction)


def with_x0(x0_hat: Tensor, x_t: Tensor, alpha: float, sigma: float) -> Prediction:
    """A prediction with this estimate of the data, and the noise that is then left in x_t."""
    return Prediction(x0_hat, (x_t - alpha * x0_hat) / sigma)


def extrapolate(earlier: Tensor, now: Tensor, before: float, here: float, after: float) -> Tensor:
    """The line through the last two estimates, half way on to where the step leads.

    Args:
        earlier: (B, ...) x0_hat of the step before.
        now: (B, ...) x0_hat of this step.
        before: log of the signal-to-noise ratio where `earlier` was estimated.
        here: the same where `now` was.
        after: the same at the end of the step.

    Returns:
        (B, ...) x0_hat for the whole step.

    Source: Lu et al. 2022, algorithm 2, arXiv:2211.01095.
    """
    return now + (after - here) / (2 * (here - before)) * (now - earlier)


def check_arguments(
    model: Predictor,
    shape: Sequence[int],
    num_steps: int,
    eta: float,
    order: int,
    times: Sequence[float],
    x_start: Tensor | None,
    t_start: float,
) -> None:
    """Raise ValueError for arguments of `sample` that cannot work."""
    if num_steps < 1:
        raise ValueError(f"num_steps must be at least 1; got {num_steps}.")
    if not 0 <= eta <= 1:
        raise ValueError(f"eta must lie in [0, 1], 0 = DDIM and 1 = DDPM; got {eta}.")
    if order not in (1, 2) or (order == 2 and eta):
        raise ValueError(f"order must be 1, or 2 with eta=0; got order={order}, eta={eta}.")
    if not 0 < t_start <= 1:
        raise ValueError(f"t_start must lie in (0, 1], 1 = pure noise; got {t_start}.")
    falls = all(t > s for t, s in pairwise(times))
    if len(times) != num_steps + 1 or times[0] != t_start or times[-1] != 0 or not falls:
        raise ValueError(
            f"times must be num_steps + 1 = {num_steps + 1} numbers that fall from t_start = "
            f"{t_start:g} to 0; got {len(times)} numbers from {times[0]:g} to {times[-1]:g}"
            f"{'' if falls else ', which do not fall everywhere'}."
        )
    if x_start is not None and tuple(x_start.shape) != tuple(shape):
        raise ValueError(
            f"x_start must have the shape to generate, {tuple(shape)}; got {tuple(x_start.shape)}."
        )
    if getattr(model, "predicts", None) == "eps" and float(model.schedule.alpha(t_start)) < 1e-6:
        raise ValueError(
            f"at t = {t_start} this schedule leaves no data (alpha = 0), so a prediction of eps "
            'cannot be turned into one of x0. Use t_start=0.99, or a model that predicts "v".'
        )
