"""The model as the steps of a sampler see it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from course_utils.diffusion.inputs import Time, batch_times
from course_utils.diffusion.model import Predictor
from course_utils.diffusion.steps import with_x0
from course_utils.records import Prediction


@dataclass(frozen=True)
class Clipped(Prediction):
    """A prediction whose x0_hat was limited; `said` is what the model said."""

    said: Prediction


class BoundModel:
    """A model as the steps of one run see it: under the run's condition, clipped, and counted.

    The model is shown copies: one that works in place changes neither state nor condition.

    Args:
        model: the denoiser.
        cond: (B, ...) conditions, or None.
        clip: limit of |x0_hat|, or None.
    """

    def __init__(self, model: Predictor, cond: Tensor | None, clip: float | None) -> None:
        self.model, self.cond, self.clip = model, cond, clip
        self.schedule = model.schedule
        self.calls = 0

    def __call__(self, x_t: Tensor, t: Time) -> Prediction:
        """Estimate the data and the noise in x_t (B, ...) at a time t, or at times t (B,)."""
        cond = None if self.cond is None else self.cond.clone()
        said = self.model(x_t.clone(), batch_times(t, x_t), cond)
        if not self.calls:  # later an accelerator would have to wait for each look
            check_finite(said)
        self.calls += said.calls
        if self.clip is None:
            return said
        alpha, sigma = self.schedule.at(t, x_t)
        limited = with_x0(said.x0_hat.clamp(-self.clip, self.clip), x_t, alpha, sigma)
        return Clipped(limited.x0_hat, limited.eps_hat, said, calls=said.calls)


def check_finite(said: Prediction) -> None:
    """Raise ValueError if the first that the model says is not made of finite numbers."""
    if not bool(said.x0_hat.isfinite().all() & said.eps_hat.isfinite().all()):
        raise ValueError(
            "the model's first prediction is not finite. If it predicts eps, the schedule may "
            "leave no data at the first time: use t_start=0.99. Otherwise look for nan in its "
            "weights and in x_start."
        )
