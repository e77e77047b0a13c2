"""Changing what is already there: inpainting, editing by noise, ways between two noises.

Each is a start or a step for the sampler that exists; none needs another training. Inversion is in
`diffusion.inversion`. Letters: B batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from course_utils.diffusion.inputs import check_earlier, check_floating
from course_utils.diffusion.model import Predictor
from course_utils.diffusion.objective import add_noise, randn
from course_utils.diffusion.sampling import check_made, check_result, sample
from course_utils.diffusion.schedule import Schedule
from course_utils.diffusion.steps import Asked, Step
from course_utils.layers import check_sizes
from course_utils.records import Prediction, SampleStep


def inpainting(
    step: Step,
    known: Tensor,
    mask: Tensor,
    *,
    resample: int = 1,
    generator: torch.Generator | None = None,
) -> Step:
    """A step that keeps what is known, for `sample(model, shape, step=inpainting(...))`.

    After each step the known values are put back, at the noise of the new time, drawn anew:
    x_s = alpha_s known + sigma_s z where the mask is true. At s = 0 they are exactly those of
    `known`. Replacement alone (`resample=1`) lets the rest see what is known only through this, and
    the two need not fit. Resampling noises the result back to t and takes the step again, so the
    rest is drawn beside what is known: `resample` calls of the step instead of one, but for the
    last step, which is not repeated.

    Args:
        step: any step of `diffusion.steps`. One that remembers, as `dpm_solver_2m`, is of first
            order when it is repeated.
        known: (B, ...) clean values; those outside the mask are not looked at.
        mask: (B, ...) truth values of the same shape: true where values are known.
        resample: how often each step is taken, at least 1.
        generator: source of the noise; torch's global one if None.

    Raises:
        ValueError: the shapes differ, the mask holds no truth values, what is known is not finite,
            or resample is below 1. Later also where the state has another shape, or s > t.

    Source: RePaint, Lugmayr et al. 2022, algorithm 1, arXiv:2201.09865, with jumps of one step.
    """
    check_sizes(resample=resample)
    check_made(step)
    check_floating(known, "known")
    check_mask(mask, known)
    if not bool(known[mask].isfinite().all()):
        raise ValueError("known must be finite where the mask is true; got nan or inf there.")

    def keep(x: Tensor, alpha: float, sigma: float) -> Tensor:
        if not sigma:
            return torch.where(mask, known.to(x), x)
        noise = randn(x.shape, like=x, generator=generator)
        return torch.where(mask, alpha * known.to(x) + sigma * noise, x)

    def kept(model: Asked, x: Tensor, t: float, s: float) -> tuple[Tensor, Prediction]:
        check_earlier(t, s)
        if x.shape != known.shape:
            raise ValueError(
                f"known and mask must have the shape to generate, {tuple(x.shape)}; got "
                f"{tuple(known.shape)}. Use expand_as."
            )
        for turn in range(resample if s > 0 else 1):
            if turn:
                x = add_more_noise(x, model.schedule, s, t, generator)
            x_s, said = check_result(step(model, x, t, s), x)
            x = keep(x_s, *model.schedule.level(s))
        return x, said

    return kept


def add_more_noise(
    x: Tensor, schedule: Schedule, s: float, t: float, generator: torch.Generator | None = None
) -> Tensor:
    """From the state x (B, ...) at time s to the later time t > s, by fresh noise.

    x_t = alpha_t / alpha_s x_s + sqrt(sigma_t^2 - (alpha_t / alpha_s)^2 sigma_s^2) z.

    Source: Ho et al. 2020, equation 2, arXiv:2006.11239, for any two times.
    """
    (alpha_s, sigma_s), (alpha_t, sigma_t) = schedule.level(s), schedule.level(t)
    shrunk = alpha_t / alpha_s
    std = max(0.0, sigma_t**2 - (shrunk * sigma_s) ** 2) ** 0.5
    return shrunk * x + std * randn(x.shape, like=x, generator=generator)


def edit(
    model: Predictor,
    x0: Tensor,
    t_start: float,
    *,
    generator: torch.Generator | None = None,
    **options: Any,
) -> Iterator[SampleStep[Prediction]]:
    """Noise what is there up to t_start, and generate from there: partial noising.

    The larger t_start, the less of x0 is kept. It is `sample` with another start.

    Args:
        model: a `Denoiser`, `Guided` or an exact one.
        x0: (B, ...) clean examples.
        t_start: in (0, 1].
        generator: source of the noise; torch's global one if None.
        options: as for `sample`: cond, num_steps or times, step, clip. Not x_start: that is x0,
            noised.

    Raises:
        ValueError: as `sample` and `add_noise`.

    Source: SDEdit, Meng et al. 2022, arXiv:2108.01073.
    """
    if not 0 < t_start <= 1:
        raise ValueError(f"t_start must lie in (0, 1], 1 = pure noise; got {t_start}.")
    if "x_start" in options:
        raise ValueError("edit makes x_start from x0. Use sample to start from a state of yours.")
    x_t, _ = add_noise(x0, float(t_start), model.schedule, generator=generator)
    return sample(model, x0.shape, x_start=x_t, t_start=t_start, **options)


def slerp(a: Tensor, b: Tensor, share: float) -> Tensor:
    """The point at a share of the way from a to b along the arc between them, example by example.

    sin((1 - share) angle) / sin(angle) a + sin(share angle) / sin(angle) b. Two noises of many
    dimensions are about equally long and at right angles. Points on the straight line between them
    are shorter than either; those on the arc are not.

    Args:
        a: (B, ...) states, at share 0.
        b: (B, ...) states of the same shape, at share 1.
        share: in [0, 1].

    Returns:
        (B, ...). Where a and b point the same way, or opposite ways: the straight line.

    Raises:
        ValueError: the shapes differ, they are not floating point, or share is outside its range.

    Source: Shoemake 1985; for latent noise: White 2016, arXiv:1609.04468.
    """
    if a.shape != b.shape or a.ndim < 2:
        raise ValueError(
            f"a and b must have one shape (B, ...); got {tuple(a.shape)} and {tuple(b.shape)}."
        )
    check_floating(a, "a")
    check_floating(b, "b")
    if not 0 <= share <= 1:
        raise ValueError(f"share must lie in [0, 1], 0 = a and 1 = b; got {share}.")
    cosine = torch.cosine_similarity(a.flatten(1), b.flatten(1)).clamp(-1, 1)  # (B,)
    angle = cosine.acos().reshape(-1, *[1] * (a.ndim - 1))
    straight = angle.sin() < 1e-3  # acos of a float32 near 1 or -1 is no more exact than that
    size = torch.where(straight, 1.0, angle.sin())
    of_a = torch.where(straight, 1 - share, ((1 - share) * angle).sin() / size)
    of_b = torch.where(straight, share, (share * angle).sin() / size)
    return of_a * a + of_b * b


def check_mask(mask: Tensor, known: Tensor) -> None:
    """Raise ValueError unless the mask says of each value whether it is known."""
    if mask.dtype != torch.bool or mask.shape != known.shape:
        raise ValueError(
            f"mask must hold truth values of the shape of known, {tuple(known.shape)}, true where "
            f"values are known; got {mask.dtype} of shape {tuple(mask.shape)}. Compare, as in "
            "mask > 0, and use expand_as."
        )
