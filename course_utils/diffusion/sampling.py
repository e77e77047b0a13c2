"""From noise to data: a step, again and again.

What differs between samplers is the step alone; those of the course are in `diffusion.steps`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise
from numbers import Integral
from typing import Any

import torch
from torch import Tensor

from course_utils.diffusion.bound import BoundModel, Clipped
from course_utils.diffusion.inputs import check_floating
from course_utils.diffusion.model import Predictor
from course_utils.diffusion.objective import randn
from course_utils.diffusion.steps import Step, ancestral, ddim, dpm_solver_2m, renoise
from course_utils.layers import at_least_float32, check_sizes
from course_utils.records import Prediction, SampleStep


def sample(
    model: Predictor,
    shape: Sequence[int],
    *,
    num_steps: int | None = None,
    step: Step = ddim,
    times: Sequence[float] | None = None,
    cond: Tensor | None = None,
    x_start: Tensor | None = None,
    t_start: float = 1.0,
    clip: float | None = None,
    generator: torch.Generator | None = None,
) -> Iterator[SampleStep[Prediction]]:
    """Generate examples, giving the state after each step.

    The noise of one image depends on the batch that it is drawn with: from the same generator,
    image 0 of a batch of 4 need not be image 0 of a batch of 5. To get an image again under `ddim`,
    keep its x_start.

    Args:
        model: a `Denoiser`, or an exact one; model(x_t, t, cond) -> Prediction.
        shape: (B, ...) of what to generate.
        num_steps: steps, at least 1; 50 if None, or as many as `times` has.
        step: step(model, x, t, s) -> x_s, prediction: `ddim`, `heun`, `ancestral()`,
            `dpm_solver_2m()`, `renoise()`, or your own.
        times: falling times from t_start to 0; evenly spaced if None. Other grids are in
            `diffusion.times`: with `dpm_solver_2m` and few steps, `times_even_in_snr` is better.
        cond: (B, ...) conditions, or None.
        x_start: (B, ...) state at t_start; standard normal noise if None.
        t_start: time to start at, in (0, 1].
        clip: limit |x0_hat| to this, above 0, before a step uses it, 1.0 for images in [-1, 1];
            None leaves it.
        generator: source of x_start; torch's global one if None. A step that draws noise has its
            own.

    Returns:
        An iterator of `SampleStep`: t is the time of the state; the last one has t = 0 and holds
        the samples. The model is not called before the first is asked for.

    Raises:
        ValueError: an argument is outside its range, or the model predicts eps where alpha is 0.
    """
    if times is None:
        num_steps = 50 if num_steps is None else num_steps
        check_sizes(num_steps=num_steps)
        times = torch.linspace(t_start, 0, num_steps + 1, dtype=torch.float64).tolist()
    times = plain_times(times)
    check_run(shape, times, num_steps, t_start)
    check_inputs(shape, step, cond, x_start, clip)
    if x_start is None:
        weight = next(chain(model.parameters(), model.buffers()), torch.empty(0))
        like = torch.empty(0, dtype=at_least_float32(weight.dtype), device=weight.device)
        x_start = randn(shape, like=like, generator=generator)
    x = x_start.to(at_least_float32(x_start.dtype), copy=True)
    return run(BoundModel(model, cond, clip, times), x, times, step)


@torch.no_grad()
def run(
    model: BoundModel, x: Tensor, times: Sequence[float], step: Step
) -> Iterator[SampleStep[Prediction]]:
    """The loop of `sample`, from x (B, ...) at times[0] on."""
    for t, s in pairwise(times):
        x, prediction = check_result(step(model, x, t, s), x)
        if isinstance(prediction, Clipped):
            prediction = prediction.said
        yield SampleStep(calls=model.calls, t=s, state=x.clone(), prediction=prediction)


def plain_times(times: Iterable[float]) -> list[float]:
    """Times as a list of plain numbers, or ValueError; also from a tensor or an iterator."""
    try:
        return [float(t) for t in times]
    except (TypeError, ValueError):
        raise ValueError(f"times must be numbers, one after the other; got {times!r}.") from None


def check_run(
    shape: Sequence[int], times: Sequence[float], num_steps: int | None, t_start: float
) -> None:
    """Raise ValueError unless there is something to generate, and times that lead there."""
    if not all(isinstance(n, Integral) for n in shape) or min(shape, default=0) < 1:
        raise ValueError(
            f"shape must be (B, ...), whole numbers, each at least 1; got {tuple(shape)}."
        )
    if not 0 < t_start <= 1:
        raise ValueError(f"t_start must lie in (0, 1], 1 = pure noise; got {t_start}.")
    if num_steps is not None and len(times) != num_steps + 1:
        raise ValueError(
            f"num_steps = {num_steps} steps have {num_steps + 1} times; got {len(times)}. "
            "Give times alone."
        )
    falls = all(t > s for t, s in pairwise(times))
    if len(times) < 2 or times[0] != t_start or times[-1] != 0 or not falls:
        ends = f" from {times[0]:g} to {times[-1]:g}" if len(times) else ""
        raise ValueError(
            f"times must be at least 2 numbers that fall from t_start = {t_start:g} to 0; got "
            f"{len(times)} numbers{ends}{'' if falls else ', which do not fall everywhere'}."
        )


def check_inputs(
    shape: Sequence[int],
    step: Step,
    cond: Tensor | None,
    x_start: Tensor | None,
    clip: float | None,
) -> None:
    """Raise ValueError for a step, tensors or a limit that cannot work."""
    check_made(step)
    if clip is not None and not clip > 0:
        raise ValueError(f"clip must be above 0, or None; got {clip}.")
    if cond is not None and not isinstance(cond, Tensor):
        raise ValueError(
            f"cond must be a tensor, one condition an example; got {type(cond).__name__}. Write "
            f"torch.full(({shape[0]},), 3) for the same label everywhere."
        )
    if cond is not None and cond.shape[:1] != (shape[0],):
        raise ValueError(
            f"cond must hold one condition for each of {shape[0]} examples; got shape "
            f"{tuple(cond.shape)}."
        )
    if x_start is not None and tuple(x_start.shape) != tuple(shape):
        raise ValueError(
            f"x_start must have the shape to generate, {tuple(shape)}; got {tuple(x_start.shape)}."
        )
    if x_start is not None:
        check_floating(x_start, "x_start")


def check_made(step: Step) -> None:
    """Raise ValueError for what makes a step and is none itself."""
    makers: tuple[object, ...] = (ancestral, dpm_solver_2m, renoise)
    if step in makers:
        raise ValueError(
            "ancestral, dpm_solver_2m and renoise make a step: write step=ancestral()."
        )


def check_result(result: tuple[Tensor, Prediction], x: Tensor) -> tuple[Tensor, Prediction]:
    """The result of a step from x (B, ...), after checking that it is one."""
    if (
        not isinstance(result, tuple)
        or len(result) != 2
        or getattr(result[0], "shape", None) != x.shape
        or not result[0].is_floating_point()
        or not isinstance(result[1], Prediction)
    ):
        raise ValueError(
            f"a step must return x_s of shape {tuple(x.shape)} and the prediction, as two values; "
            f"got {described(result)}."
        )
    if x.device.type == "cpu" and not result[0].isfinite().all():  # others would have to wait
        raise ValueError(
            "a step returned numbers that are not finite. Look for a division by a sigma or an "
            "alpha of 0 in it, or for a state that grows from step to step."
        )
    return result


def described(result: Any) -> str:
    """What a step returned, in a few words."""
    parts = result if isinstance(result, tuple) else (result,)
    named = (
        f"{part.dtype} {tuple(part.shape)}" if isinstance(part, Tensor) else type(part).__name__
        for part in parts
    )
    return f"{type(result).__name__} of " + ", ".join(named) if parts is result else next(named)
