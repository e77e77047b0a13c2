"""The training loop as a generator."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sized
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from course_utils.records import TrainStep
from course_utils.training.average import EMA
from course_utils.training.optimizer import adamw
from course_utils.training.processes import backward_in_shares, prepared
from course_utils.training.ranges import check_count, check_number
from course_utils.training.rates import RateSchedule, scaled_rates, warmup_cosine
from course_utils.training.seeds import seeded, step_seed
from course_utils.training.watch import Watch

if TYPE_CHECKING:
    from accelerate import Accelerator

Loss = Callable[[Any, Any], Tensor]  # loss_fn(model, batch) -> () loss to minimise


class Indexed(Protocol):
    """Batches by number: `batches[k]` is always the same, which is what lets training resume."""

    def __getitem__(self, step: int, /) -> Any:
        """Batch number `step`."""


class Objective(nn.Module):
    """Model and loss as one module, so that what wraps a module wraps all that the loss does."""

    def __init__(self, model: nn.Module, loss_fn: Loss) -> None:
        super().__init__()
        self.model, self.loss_fn = model, loss_fn

    def forward(self, batch: Any) -> Tensor:
        """The loss of a batch, after checking that it is one number that can be lowered."""
        loss = self.loss_fn(self.model, batch)
        if not isinstance(loss, Tensor) or loss.ndim:
            came = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
            raise ValueError(
                f"loss_fn must return one number, a tensor of shape (); got {came}. Use .mean()."
            )
        if not loss.requires_grad:
            raise ValueError(
                "no gradient flows from the loss to the weights. Leave out .item(), .detach() and "
                "torch.no_grad() on the way, and check that the loss uses the model it is given."
            )
        return loss


def train_steps(
    model: nn.Module,
    batches: Indexed,
    loss_fn: Loss,
    *,
    num_steps: int,
    optimizer: Optimizer | None = None,
    lr_schedule: RateSchedule = warmup_cosine,
    grad_clip: float = 1.0,
    ema: EMA | None = None,
    first_step: int = 0,
    accelerator: Accelerator | None = None,
) -> Generator[TrainStep, None, None]:
    """Train, yielding a record after each step; between steps torch's random state is the caller's.

    Args:
        model: updated in place; in training mode in each step, in eval mode in the end.
        batches: batches[k] is what step k trains on.
        loss_fn: loss_fn(model, batch) -> () loss to minimise. Its random numbers, and those of
            batches[k], follow from `torch.initial_seed()` and k; see `step_seed`.
        num_steps: where training ends, at least 1.
        optimizer: `adamw(model)` if None; its rates are the peaks of the schedule.
        lr_schedule: progress in [0, 1) -> factor of the learning rate, finite and at least 0.
        grad_clip: largest global gradient norm, above 0; math.inf leaves gradients alone.
        ema: average to keep up to date.
        first_step: steps already done, when resuming.
        accelerator: trains as it says; see `fit`.

    Raises:
        FloatingPointError: the loss, a gradient or a weight is not finite. A step with such a loss
            or gradient is not made. On a GPU the error may come up to 50 steps later.
        ValueError: a setting is out of its range, or what was given does not fit together.
    """
    optimizer = adamw(model) if optimizer is None else optimizer
    check_parts(model, batches, loss_fn, optimizer, num_steps)
    check_count("first_step", first_step, 0, advice="It counts the steps already done.")
    check_number("grad_clip", grad_clip, 0, math.inf, ends="(]", advice="math.inf: no clipping.")
    if ema is not None:
        ema.check_fits(model)
    objective: nn.Module = Objective(model, loss_fn)
    moved = {id(p) for group in optimizer.param_groups for p in group["params"]}
    parameters = [p for p in objective.parameters() if id(p) in moved]
    seed, device = torch.initial_seed(), parameters[0].device
    rank = accelerator.process_index if accelerator else 0
    if accelerator is not None:
        objective = prepared(objective, accelerator, device)
    watch = Watch(optimizer, model, device)
    try:
        for step in range(first_step, num_steps):
            objective.train()
            own_seed, factor = step_seed(seed, step, rank), lr_schedule(step / num_steps)
            with seeded(own_seed, device), scaled_rates(optimizer, factor) as rate:
                optimizer.zero_grad(set_to_none=True)
                if accelerator is None:
                    loss = objective(batches[step])
                    loss.backward()
                else:
                    loss = backward_in_shares(objective, batches[step], accelerator)
                norm = nn.utils.clip_grad_norm_(parameters, grad_clip)
                watch.step(loss.detach(), norm, step + 1, last=step + 1 == num_steps)
            if ema is not None:
                ema.update(model)
            yield TrainStep(step + 1, loss.detach(), rate, norm.detach())
    finally:
        model.eval()


def check_parts(
    model: nn.Module, batches: Indexed, loss_fn: Loss, optimizer: Optimizer, num_steps: int
) -> None:
    """Refuse what cannot train this model, before the first step.

    Raises:
        ValueError: says which part, and what to do.
    """
    check_count("num_steps", num_steps, 1, advice="It says where training ends.")
    if not hasattr(batches, "__getitem__"):
        raise ValueError(
            f"batches[k] must be batch number k, so that training can resume; a "
            f"{type(batches).__name__} has no numbers. Use data.Batches(x, batch_size=...), or "
            "list(loader) with at least num_steps batches."
        )
    if isinstance(batches, Sized) and len(batches) < num_steps:
        raise ValueError(
            f"num_steps is {num_steps}, but there are only {len(batches)} batches. Use "
            "data.Batches, which never ends, or fewer steps."
        )
    if not isinstance(optimizer, Optimizer):
        raise ValueError(
            f"optimizer must be an optimizer of this model; got {optimizer!r}. Call it: "
            "optimizer=training.muon(model, 0.02)."
        )
    known = {id(p) for p in Objective(model, loss_fn).parameters()}  # a loss may have its own
    moved = [p for group in optimizer.param_groups for p in group["params"]]
    foreign = [p for p in moved if id(p) not in known]
    if foreign or not moved:
        raise ValueError(
            f"{len(foreign)} of the optimizer's {len(moved)} weights belong to another model, so "
            "training would not move this one. Make the optimizer from it: adamw(model)."
        )
