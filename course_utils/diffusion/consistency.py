"""Few calls: a student that says at once where a teacher's path ends.

A consistency model gives the same answer everywhere on one path of the deterministic sampler, and
where the path ends, at t = 0, it gives the state itself. The `x0_hat` of a `Denoiser` that predicts
"v" or "flow" does the second by itself: sigma is 0 there. So a student is a `Denoiser`, and only
its loss is new. One call is `sample(student, shape, num_steps=1)`, two are
`sample(student, shape, step=renoise(), times=[1.0, 0.5, 0.0])`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from course_utils.diffusion.model import Denoiser, Predictor
from course_utils.diffusion.objective import add_noise, stratified_times
from course_utils.diffusion.schedule import Schedule

Batch = Sequence[Tensor]


def consistency_loss(
    teacher: Predictor, target: Denoiser, times: Sequence[float]
) -> Callable[[Denoiser, Batch], Tensor]:
    """The loss of consistency distillation: mean squared |f(x_t, t) - f_target(x_s, s)|.

    x_t is a noisy example at a random time t of the grid, x_s where the teacher's DDIM step leads
    from it, to the next time s. No gradient flows through f_target, the average of the student.

    Args:
        teacher: a trained denoiser; it is not changed.
        target: the moving average of the student: `EMA(student).model`.
        times: falling times from at most 1 to 0; neighbours are the pairs t, s.

    Returns:
        loss(student, batch) -> () for `fit`; a batch is (x0,) or (x0, cond).

    Raises:
        ValueError: a student or its average predicts eps or x0, so that f(x, 0) is not x, the three
            have not the same schedule, or the times do not fall to 0.

    Source: Song et al. 2023, algorithm 2 with a DDIM step, arXiv:2303.01469.
    """
    check_times_fall(times)
    check_boundary(target)
    check_same_levels(target.schedule, teacher.schedule)
    grid = torch.tensor(times, dtype=torch.float64)

    def loss(student: Denoiser, batch: Batch) -> Tensor:
        check_boundary(student)
        check_same_levels(student.schedule, teacher.schedule)
        x0, *cond = batch
        pairs = len(grid) - 1
        place = (stratified_times(len(x0), x0.device) * pairs).long().clamp(max=pairs - 1)  # (B,)
        t, s = (grid.to(x0.device, x0.dtype)[place + k] for k in (0, 1))  # rounding may give 1
        x_t, _ = add_noise(x0, t, student.schedule)
        with torch.no_grad():
            said = teacher(x_t, t, *cond)
            alpha, sigma = student.schedule.at(s, x_t)
            x_s = alpha * said.x0_hat + sigma * said.eps_hat
            wanted = target(x_s, s, *cond).x0_hat
        return (student(x_t, t, *cond).x0_hat - wanted).square().mean()

    return loss


def check_boundary(model: Denoiser) -> None:
    """Raise ValueError unless x0_hat at t = 0 is the state itself."""
    if not isinstance(model, Denoiser):
        raise ValueError(
            f"expected a Denoiser, got {type(model).__name__}. Of an average give the model: "
            "EMA(student).model."
        )
    if model.predicts not in ("v", "flow"):
        raise ValueError(
            'a consistency model must predict "v" or "flow": only then is its x0_hat at t = 0 the '
            f"state itself; got {model.predicts!r}."
        )


def check_same_levels(own: Schedule, teacher: Schedule) -> None:
    """Raise ValueError unless both schedules have the same factors: one path, one clock."""
    t = torch.linspace(0, 1, 9, dtype=torch.float64)
    pairs = ((own.alpha(t), teacher.alpha(t)), (own.sigma(t), teacher.sigma(t)))
    if not all(torch.allclose(ours, theirs, atol=1e-6) for ours, theirs in pairs):
        raise ValueError(
            f"student, average and teacher must have the same schedule; got {own} and {teacher}."
        )


def check_times_fall(times: Sequence[float]) -> None:
    """Raise ValueError unless these are at least two times that fall to 0."""
    falls = all(t > s for t, s in pairwise(times))
    if len(times) < 2 or not falls or times[-1] != 0 or times[0] > 1:
        raise ValueError(
            f"times must be at least 2 numbers that fall from at most 1 to 0; got {list(times)}."
        )
