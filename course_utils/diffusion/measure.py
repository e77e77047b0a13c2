"""What is reported of a denoiser; what it is trained on is in `diffusion.objective`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from course_utils.diffusion.inputs import batch_times
from course_utils.diffusion.model import Predictor
from course_utils.diffusion.objective import add_noise
from course_utils.layers import check_sizes


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
        x0: (N, ...) clean examples that the model was not trained on, N >= 1.
        times: T times in (0, 1].
        cond: (N,) conditions, or None.
        of: "eps" or "x0".
        generator: source of the noise.
        batch_size: examples in one call, at least 1.

    Returns:
        (T,) mean squared errors.

    Raises:
        ValueError: an argument is outside its range.
    """
    if of not in ("eps", "x0"):
        raise ValueError(f'of must be "eps" or "x0"; got {of!r}.')
    if not all(0 < t <= 1 for t in times):
        raise ValueError(f"times must lie in (0, 1], 1 = pure noise; got {list(times)}.")
    if cond is not None and len(cond) != len(x0):
        raise ValueError(f"expected a condition for each of {len(x0)} examples; got {len(cond)}.")
    check_sizes(batch_size=batch_size, num_examples=len(x0))
    errors = []
    for t in times:
        total = 0.0
        for start in range(0, len(x0), batch_size):
            clean = x0[start : start + batch_size]
            t_batch = batch_times(float(t), clean)
            x_t, eps = add_noise(clean, t_batch, model.schedule, generator=generator)
            some = None if cond is None else cond[start : start + batch_size]
            said = model(x_t, t_batch, some)
            error = said.eps_hat - eps if of == "eps" else said.x0_hat - clean
            total += error.square().mean().item() * len(clean)
        errors.append(total / len(x0))
    return torch.tensor(errors)
