"""The model as the steps of a sampler see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from course_utils.diffusion.inputs import Time, batch_times
from course_utils.diffusion.model import Predictor
from course_utils.diffusion.schedule import Schedule
from course_utils.diffusion.steps import with_x0
from course_utils.records import Prediction


@dataclass(frozen=True)
class Clipped(Prediction):
    """A prediction whose x0_hat was limited; `said` is what the model said."""

    said: Prediction


class KnownLevels(Schedule):
    """The schedule of a run: alpha and sigma at its times are worked out once, before it begins.

    One by one they would take as long as all the rest of the loop.
    """

    def __init__(self, schedule: Schedule, times: Sequence[float]) -> None:
        self.schedule = schedule
        t = torch.tensor(list(times), dtype=torch.float64)
        factors = zip(schedule.alpha(t).tolist(), schedule.sigma(t).tolist(), strict=True)
        self._levels = dict(zip(times, factors, strict=True))

    def __repr__(self) -> str:
        """As errors should name it: that of the schedule."""
        return repr(self.schedule)

    def __getattr__(self, name: str) -> Any:
        """What a reader's own schedule has besides, for a reader's own step."""
        if name == "schedule":  # not there yet: while it is copied or unpickled
            raise AttributeError(name)
        return getattr(self.schedule, name)

    def alpha(self, t: Time) -> Tensor:
        """That of the schedule."""
        return self.schedule.alpha(t)

    def sigma(self, t: Time) -> Tensor:
        """That of the schedule."""
        return self.schedule.sigma(t)

    def level(self, t: float) -> tuple[float, float]:
        """Both factors at one time; looked up where it is one of the run's."""
        return self._levels.get(t) or self.schedule.level(t)


class BoundModel:
    """A model as the steps of one run see it: under the run's condition, clipped, and counted.

    The model is shown copies: one that works in place changes neither state nor condition.

    Args:
        model: the denoiser.
        cond: (B, ...) conditions, or None.
        clip: limit of |x0_hat|, or None.
        times: of the run.
    """

    def __init__(
        self, model: Predictor, cond: Tensor | None, clip: float | None, times: Sequence[float]
    ) -> None:
        self.model, self.cond, self.clip = model, cond, clip
        self.schedule: Schedule = KnownLevels(model.schedule, times)
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
