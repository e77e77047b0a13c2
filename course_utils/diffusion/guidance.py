"""More of what was asked for: classifier-free guidance. Letters: B batch."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from course_utils.diffusion.inputs import Time, batch_times
from course_utils.diffusion.model import Predictor
from course_utils.records import Prediction


class Guided(nn.Module):
    """A denoiser under classifier-free guidance: without + scale (with - without) the condition.

    It is a denoiser itself: every step of `sample` works on it, and `error_by_time`. The same sum
    is taken of x0_hat and of eps_hat, so that they still add up to x_t. The label is left out by
    saying -1, so the model must have been trained with `denoising_loss(..., drop=0.1)`.

    Where both answers are needed the model is asked twice, and `Prediction.calls` says so. One is
    enough at scale 1 (with the label), at scale 0 (without), and outside the interval.

    Args:
        model: knows labels, and -1 for none.
        scale: 1 leaves the model as it is, above 1 exaggerates what the label changes, 0 ignores
            the label, and below 0 leads away from it. Ho & Salimans write w = scale - 1.
        interval: guide only at times (low, high), 0 <= low < high <= 1; None guides at all times.
            Elsewhere the scale is 1.

    Raises:
        ValueError: a setting is outside its range.

    Source: Ho & Salimans 2022, equation 6, arXiv:2207.12598; on an interval of noise levels:
    Kynkaanniemi et al. 2024, arXiv:2404.07724.
    """

    def __init__(
        self, model: Predictor, scale: float, interval: tuple[float, float] | None = None
    ) -> None:
        super().__init__()
        if not isinstance(scale, (int, float)) or not math.isfinite(scale):
            raise ValueError(f"scale must be a finite number, 1 for no guidance; got {scale!r}.")
        ends = (0.0, 1.0) if interval is None else tuple(interval)
        if len(ends) != 2 or not 0 <= ends[0] < ends[1] <= 1:
            raise ValueError(
                f"interval must be two times 0 <= low < high <= 1; got {interval}. To guide at all "
                "times leave it out; to guide at none use scale=1."
            )
        self.model = model
        self.schedule = model.schedule
        self.scale, self.interval = float(scale), None if interval is None else ends

    def forward(self, x_t: Tensor, t: Time, cond: Tensor | None = None) -> Prediction:
        """Estimate the data and the noise in x_t (B, ...) at times t (B,), or one for all.

        Raises:
            ValueError: there is no condition, or it is not one integer an example; or the model
                refuses what it is given.
        """
        check_condition(cond, len(x_t))
        assert cond is not None
        scale = self._scales(batch_times(t, x_t), x_t)
        if isinstance(scale, float) and scale in (0.0, 1.0):
            return self.model(x_t, t, cond if scale else torch.full_like(cond, -1))
        with_label = self.model(x_t, t, cond)
        without = self.model(x_t, t, torch.full_like(cond, -1))
        return Prediction(
            without.x0_hat + scale * (with_label.x0_hat - without.x0_hat),
            without.eps_hat + scale * (with_label.eps_hat - without.eps_hat),
            calls=with_label.calls + without.calls,
        )

    def _scales(self, times: Tensor, x_t: Tensor) -> Tensor | float:
        """One scale for all of the batch, or one each, shaped to multiply x_t."""
        if self.interval is None:
            return self.scale
        inside = (self.interval[0] <= times) & (times <= self.interval[1])
        if bool(inside.all()):  # an accelerator waits for these looks; a call saved costs more
            return self.scale
        if not bool(inside.any()):
            return 1.0
        scales = torch.where(inside, self.scale, 1.0).to(x_t)
        return scales.reshape(-1, *[1] * (x_t.ndim - 1))


def check_condition(cond: Tensor | None, num_examples: int) -> None:
    """Raise ValueError unless there is one integer, or one text of tokens, for each example."""
    if cond is None:
        raise ValueError(
            "guidance needs a condition: give cond=labels, one for each example. Without one use "
            "the model itself."
        )
    whole = cond.dtype in (torch.int64, torch.int32)
    if not whole or cond.ndim not in (1, 2) or len(cond) != num_examples:
        raise ValueError(
            f"guidance needs labels ({num_examples},) or tokens of texts ({num_examples}, L), "
            "integers, because it leaves them out by saying -1; got "
            f"{cond.dtype} of shape {tuple(cond.shape)}."
        )
