"""From data back to the noise that a deterministic sampler makes it from. Letters: B batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from course_utils.diffusion.bound import BoundModel
from course_utils.diffusion.inputs import check_floating
from course_utils.diffusion.model import Predictor
from course_utils.diffusion.sampling import check_inputs, check_result, plain_times
from course_utils.diffusion.schedule import NO_DATA
from course_utils.diffusion.steps import Step, ddim, heun
from course_utils.layers import at_least_float32, check_sizes
from course_utils.records import Prediction, SampleStep


def invert(
    model: Predictor,
    x0: Tensor,
    *,
    num_steps: int | None = None,
    step: Step = ddim,
    times: Sequence[float] | None = None,
    t_end: float = 1.0,
    cond: Tensor | None = None,
) -> Iterator[SampleStep[Prediction]]:
    """Walk the deterministic sampler backwards: to the noise that `sample` makes x0 from.

    With the state it ends in as `x_start`, the same condition and times, `sample` comes back to x0,
    up to an error that falls with the number of steps. On even times, with an exact denoiser under
    `Flow`, it falls at the order of the step, or faster: those of `heun` there and back nearly
    cancel. On `times_even_in_snr` the two end steps are fixed, and their error stays. A model is
    never asked at t = 0, where no noise is left to estimate: the first step asks at its end, about
    alpha x0.

    Args:
        model: a `Denoiser` or an exact one.
        x0: (B, ...) clean examples.
        num_steps: steps, at least 1; 50 if None, or as many as `times` has.
        step: a deterministic one: `ddim` or `heun`; others where some data is left at t_end.
        times: rising times from 0 to t_end; evenly spaced if None.
        t_end: time to end at, in (0, 1].
        cond: (B, ...) conditions, or None.

    Returns:
        An iterator of `SampleStep` whose t rises; the last one holds the noise.

    Raises:
        ValueError: an argument is outside its range, or the step cannot go to t_end.

    Source: Song et al. 2021, section 4.3, arXiv:2010.02502.
    """
    if times is None:
        num_steps = 50 if num_steps is None else num_steps
        check_sizes(num_steps=num_steps)
        times = torch.linspace(0, t_end, num_steps + 1, dtype=torch.float64).tolist()
    times = plain_times(times)
    check_way_back(times, num_steps, t_end)
    check_floating(x0, "x0")
    check_inputs(x0.shape, step, cond, x0, None)
    if model.schedule.level(t_end)[0] < NO_DATA and step not in (ddim, heun):
        raise ValueError(
            f"at t_end = {t_end:g} no data is left, and its log SNR is minus infinity. Use ddim or "
            "heun as the step, or t_end=0.99."
        )
    x = x0.to(at_least_float32(x0.dtype), copy=True)
    return backwards(BoundModel(model, cond, None, times), x, times, step)


@torch.no_grad()
def backwards(
    model: BoundModel, x: Tensor, times: Sequence[float], step: Step
) -> Iterator[SampleStep[Prediction]]:
    """The loop of `invert`, from x (B, ...) at times[0] = 0 on."""
    for t, s in pairwise(times):
        if t == 0:
            alpha, sigma = model.schedule.level(s)
            said = model(alpha * x, s)
            x = alpha * x + sigma * said.eps_hat
        else:
            x, said = check_result(step(model, x, t, s), x)
        yield SampleStep(calls=model.calls, t=s, state=x.clone(), prediction=said)


def check_way_back(times: Sequence[float], num_steps: int | None, t_end: float) -> None:
    """Raise ValueError unless times rise from 0 to t_end."""
    if not 0 < t_end <= 1:
        raise ValueError(f"t_end must lie in (0, 1], 1 = pure noise; got {t_end}.")
    rises = all(t < s for t, s in pairwise(times))
    if len(times) < 2 or times[0] != 0 or times[-1] != t_end or not rises:
        raise ValueError(
            f"times must be at least 2 numbers that rise from 0 to t_end = {t_end:g}; got "
            f"{[round(time, 4) for time in times]}. For those of `sample` use times[::-1]."
        )
    if num_steps is not None and len(times) != num_steps + 1:
        raise ValueError(
            f"num_steps = {num_steps} steps have {num_steps + 1} times; got {len(times)}. "
            "Give times alone."
        )
