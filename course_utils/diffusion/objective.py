"""What a denoiser is trained on: make a noisy example, ask what was added, square the error."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.diffusion.model import Denoiser, Predictor
from course_utils.diffusion.schedule import Schedule, Time


def add_noise(
    x0: Tensor, t: Time, schedule: Schedule, *, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Jump from clean to time t at once: x_t = alpha(t) x0 + sigma(t) eps.

    Args:
        x0: (B, ...) clean examples, about unit variance.
        t: (B,) times in [0, 1], or one float for all.
        schedule: gives alpha and sigma.
        generator: source of the noise; torch's global one if None.

    Returns:
        x_t: (B, ...) noisy examples.
        eps: (B, ...) the standard normal noise that went in.

    Raises:
        ValueError: t has the wrong shape or range.

    Source: Ho et al. 2020, equation 4, arXiv:2006.11239.
    """
    alpha, sigma = schedule.at(t, x0)
    eps = randn(x0.shape, like=x0, generator=generator)
    return alpha * x0 + sigma * eps, eps


def randn(shape: Sequence[int], *, like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Standard normal noise on the device of `like`, drawn where the generator lives.

    A CPU generator therefore gives the same noise on every device.
    """
    device = generator.device if generator is not None else like.device
    return torch.randn(shape, generator=generator, device=device, dtype=like.dtype).to(like.device)


def stratified_times(num: int, device: torch.device | str = "cpu") -> Tensor:
    """(num,) random times, one from each of `num` equal slices of (0, 1), in random order.

    Each is uniform on its slice, so the batch covers all noise levels and the loss varies less
    than with independent times; its mean is the same. Source: stratified sampling; Kingma et al.
    2021, appendix I.1, arXiv:2107.00630, do the same with one shared offset.
    """
    return (torch.randperm(num, device=device) + torch.rand(num, device=device)) / num


def denoising_loss(model: Denoiser, batch: Tensor | Sequence[Tensor]) -> Tensor:
    """Mean squared error of the network's output, over random times and fresh noise.

    Args:
        model: the denoiser to train.
        batch: x0 (B, ...), or (x0,), or (x0, cond).

    Returns:
        () loss. 1 is the level of a network that always says 0, for targets of unit variance.

    Source: Ho et al. 2020, equation 14 (L_simple), arXiv:2006.11239.
    """
    x0, *cond = (batch,) if isinstance(batch, Tensor) else batch
    t = stratified_times(len(x0), x0.device)
    x_t, eps = add_noise(x0, t, model.schedule)
    return F.mse_loss(model.net(x_t, t, *cond), model.target(x0, eps, t))


@torch.no_grad()
def error_by_time(
    model: Predictor,
    x0: Tensor,
    times: Sequence[float],
    *,
    cond: Tensor | None = None,
    of: str = "eps",
    generator: torch.Generator | None = None,
    batch_size: int = 1000,
) -> Tensor:
    """Mean squared error of eps_hat (or x0_hat) at each time: one measure for all four targets.

    Args:
        model: a `Denoiser`, or an exact one from `diffusion.exact`.
        x0: (N, ...) clean examples that the model was not trained on.
        times: T times in (0, 1).
        cond: (N,) conditions, or None.
        of: "eps" or "x0".
        generator: source of the noise.
        batch_size: examples in one call.

    Returns:
        (T,) mean squared errors.
    """
    if of not in ("eps", "x0"):
        raise ValueError(f'of must be "eps" or "x0"; got {of!r}.')
    errors = []
    for t in times:
        total = 0.0
        for start in range(0, len(x0), batch_size):
            clean = x0[start : start + batch_size]
            t_batch = clean.new_full((len(clean),), float(t))
            x_t, eps = add_noise(clean, t_batch, model.schedule, generator=generator)
            some = None if cond is None else cond[start : start + batch_size]
            said = model(x_t, t_batch, some)
            error = said.eps_hat - eps if of == "eps" else said.x0_hat - clean
            total += error.square().mean().item() * len(clean)
        errors.append(total / len(x0))
    return torch.tensor(errors)
