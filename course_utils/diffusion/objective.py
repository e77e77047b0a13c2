"""What a denoiser is trained on: make a noisy example, ask what was added, square the error."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.diffusion.inputs import Time, check_floating
from course_utils.diffusion.model import Denoiser
from course_utils.diffusion.schedule import Schedule
from course_utils.layers import check_sizes


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
        ValueError: t has the wrong shape or range, or x0 is not floating point.

    Source: Ho et al. 2020, equation 4, arXiv:2006.11239.
    """
    check_floating(x0, "x0")
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

    Raises:
        ValueError: num is below 1.
    """
    check_sizes(num=num)
    return (torch.randperm(num, device=device) + torch.rand(num, device=device)) / num


def denoising_loss(
    model: Denoiser, batch: Tensor | Sequence[Tensor], *, drop: float = 0.0
) -> Tensor:
    """Mean squared error of the network's output, over random times and fresh noise.

    Args:
        model: the denoiser to train.
        batch: (x0,) or (x0, cond): clean examples (B, ...), and a condition (B, ...) for each.
        drop: share in [0, 1] of the labels, or texts, that are hidden, at random, as -1: the
            network then learns to do without, which `Guided` needs. partial(denoising_loss,
            drop=0.1).

    Returns:
        () loss. 1 is the level of a network that always says 0, for targets of unit variance.

    Raises:
        ValueError: the batch is a bare tensor, x0 is not floating point, or there are no labels to
            drop.

    Source: Ho et al. 2020, equation 14 (L_simple), arXiv:2006.11239; drop: Ho & Salimans 2022,
    algorithm 1, arXiv:2207.12598.
    """
    if isinstance(batch, Tensor):
        raise ValueError("a batch must be a tuple (x0,) or (x0, cond); got a tensor. Write (x0,).")
    x0, *cond = batch
    if drop:
        cond = [drop_labels(cond[0] if cond else None, drop)]
    t = stratified_times(len(x0), x0.device)
    x_t, eps = add_noise(x0, t, model.schedule)
    output = model.ask(x_t, t, *cond)
    return F.mse_loss(output, model.target(x0, eps, t).to(output.dtype))


def drop_labels(label: Tensor | None, share: float) -> Tensor:
    """Labels (B,) or texts (B, L), each of the B replaced by -1, nothing, with this probability.

    Raises:
        ValueError: the share is outside [0, 1], or these are no labels or tokens.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"drop must lie in [0, 1], the share of labels to hide; got {share}.")
    if label is None or label.dtype not in (torch.int64, torch.int32) or label.ndim not in (1, 2):
        came = "no condition" if label is None else f"{label.dtype} of {tuple(label.shape)}"
        raise ValueError(
            "drop hides labels (B,) or tokens of texts (B, L), integers, in a batch (x0, cond); "
            f"got {came}. Use labels.long()."
        )
    hidden = torch.rand(len(label), device=label.device) < share
    return label.masked_fill(hidden.reshape(-1, *[1] * (label.ndim - 1)), -1)
