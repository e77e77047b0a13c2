"""The training loop as a generator, with its learning rate and average of weights."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from course_utils.records import TrainStep
from course_utils.training.accelerate import Loss, accelerated
from course_utils.training.optimizer import adamw


class Indexed(Protocol):
    """Batches by number: `batches[k]` is always the same, which is what lets training resume."""

    def __getitem__(self, step: int, /) -> Any:
        """Batch number `step`."""


def warmup_cosine(progress: float, warmup: float = 0.05) -> float:
    """Factor of the learning rate: rises linearly, then falls to 0 along half a cosine.

    Args:
        progress: share of the training that is done, in [0, 1).
        warmup: share of the training in which the rate rises.

    Source: Loshchilov & Hutter 2017, arXiv:1608.03983, with linear warm-up.
    """
    if progress < warmup:
        return (progress + 1e-3) / (warmup + 1e-3)
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))


def constant(progress: float) -> float:
    """Factor of the learning rate: always 1."""
    return 1.0


class EMA:
    """An exponential moving average of a model's weights, the copy to sample from.

    average <- decay * average + (1 - decay) * weights after every step; early on the decay is
    smaller, so that the random start is forgotten.

    Args:
        model: the model being trained.
        decay: in [0, 1); 0.999 averages over about the last 1000 steps.

    Source: Polyak & Juditsky 1992; for diffusion Ho et al. 2020, appendix B, arXiv:2006.11239.
    """

    def __init__(self, model: nn.Module, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay must lie in [0, 1); got {decay}.")
        self.model = copy.deepcopy(model).requires_grad_(False).eval()
        self.decay = decay

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Move the average towards the weights after step number `step`, from 1."""
        decay = min(self.decay, step / (step + 10))
        torch._foreach_lerp_(list(self.model.parameters()), list(model.parameters()), 1 - decay)
        for average, now in zip(self.model.buffers(), model.buffers(), strict=True):
            average.copy_(now)


def train_steps(
    model: nn.Module,
    batches: Indexed,
    loss_fn: Loss,
    *,
    num_steps: int,
    optimizer: Optimizer | None = None,
    lr_schedule: Callable[[float], float] = warmup_cosine,
    grad_clip: float = 1.0,
    ema: EMA | None = None,
    accelerate: bool = False,
    first_step: int = 0,
) -> Iterator[TrainStep]:
    """Train, yielding a record after each step.

    Args:
        model: updated in place.
        batches: batches[k] is what step k trains on.
        loss_fn: loss_fn(model, batch) -> () loss to minimise.
        num_steps: where training ends.
        optimizer: `adamw(model)` if None; its rates are the peaks of the schedule.
        lr_schedule: progress in [0, 1) -> factor of the learning rate.
        grad_clip: largest global gradient norm.
        ema: average to keep up to date.
        accelerate: on a CUDA card, bfloat16 products and compiled kernels; see `accelerated`.
        first_step: steps already done, when resuming.

    Raises:
        FloatingPointError: the loss or a gradient is not finite. The step is not made, so the model
            holds the last good weights. On an accelerator the error may come 50 steps later.
        ValueError: the loss is not one number.
    """
    optimizer = optimizer or adamw(model)
    peaks = [group.setdefault("peak_lr", group["lr"]) for group in optimizer.param_groups]
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    if accelerate:
        loss_fn = accelerated(loss_fn, parameters[0].device)
    # An accelerator has to wait for each look at a number, so there it is taken now and then.
    look_every = 1 if all(p.device.type == "cpu" for p in parameters) else 50
    model.train()
    try:
        for step in range(first_step, num_steps):
            factor = lr_schedule(step / num_steps)
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * factor
            loss = one_number(loss_fn(model, batches[step]))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            norm = nn.utils.clip_grad_norm_(parameters, grad_clip)
            skip_if_not_finite(optimizer, loss, norm)
            if step % look_every == 0 or step == num_steps - 1:
                stop_if_not_finite(loss, norm, step, optimizer.param_groups[0]["lr"])
            optimizer.step()
            if ema is not None:
                ema.update(model, step + 1)
            yield TrainStep(step + 1, loss.detach(), optimizer.param_groups[0]["lr"], norm.detach())
    finally:
        model.eval()


def one_number(loss: Tensor) -> Tensor:
    """The loss itself, after checking that it is one number."""
    if loss.ndim:
        raise ValueError(
            f"loss_fn must return one number, of shape (); got {tuple(loss.shape)}. Use .mean()."
        )
    return loss


def skip_if_not_finite(optimizer: Optimizer, loss: Tensor, norm: Tensor) -> None:
    """Tell a fused optimizer to leave the weights alone in a bad step, without looking.

    Once skipped, the weights stay what they were, and every later gradient can be trusted again.
    """
    if optimizer.defaults.get("fused"):
        bad = ~(loss.isfinite() & norm.isfinite())
        optimizer.grad_scale, optimizer.found_inf = None, bad.float()  # type: ignore[attr-defined]


def stop_if_not_finite(loss: Tensor, norm: Tensor, step: int, rate: float) -> None:
    """Raise FloatingPointError that says where a loss or gradient stopped being finite."""
    if math.isfinite(loss.item()) and math.isfinite(norm.item()):
        return
    raise FloatingPointError(
        f"training stopped at step {step + 1}: loss is {loss.item():.4g} and gradient norm "
        f"{norm.item():.4g}, at learning rate {rate:.3g}; the weights are the last good ones. "
        "Look for nan in the batch, then try a learning rate three times smaller."
    )
