"""The training loop as a generator."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from course_utils.records import TrainStep
from course_utils.training.average import EMA
from course_utils.training.checks import (
    Indexed,
    batch_of,
    check_batches,
    check_numbers,
    check_optimizer,
    stop_if_broken,
    stop_if_not_finite,
)
from course_utils.training.optimizer import adamw
from course_utils.training.processes import Alone, Loss, Objective, shares
from course_utils.training.rates import Rates, warmup_cosine


def step_seed(seed: int, step: int, rank: int = 0) -> int:
    """The seed of torch's random numbers inside one step, the same whoever makes it, and when.

    So a training goes on after an interruption with the numbers that it would have drawn.

    Args:
        seed: of the training.
        step: from 0.
        rank: number of the process, from 0.
    """
    return int(np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)[0])


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
    accelerator: Any = None,
    first_step: int = 0,
    seed: int | None = None,
) -> Generator[TrainStep, None, None]:
    """Train, yielding a record after each step.

    Args:
        model: updated in place; in training mode within a step, and in evaluation mode at the end.
        batches: batches[k] is what step k trains on.
        loss_fn: loss_fn(model, batch) -> () loss to minimise.
        num_steps: where training ends, at least 1.
        optimizer: `adamw(model)` if None; its rates are the peaks of the schedule. A rate that is
            set by hand between two steps is the peak from there on.
        lr_schedule: progress in [0, 1) -> factor of the learning rate, finite and >= 0.
        grad_clip: largest global gradient norm, above 0; infinity clips nothing.
        ema: average to keep up to date.
        accelerator: an `accelerate.Accelerator`, see `fit`.
        first_step: steps already done, when resuming.
        seed: of the random numbers, see `step_seed`; `torch.initial_seed()` if None.

    Raises:
        FloatingPointError: the loss or a gradient is not finite. The step is not made. On an
            accelerator the error may come 50 steps later; the bad steps are passed over. Or the
            last step left weights that are not finite.
        ValueError: an argument is outside its range, the loss is not one number or has no gradient,
            the optimizer holds no weight of this model, or ema averages another one.
    """
    check_numbers(num_steps, first_step, grad_clip)
    optimizer = adamw(model) if optimizer is None else optimizer
    check_optimizer(optimizer, model)
    check_batches(batches, num_steps)
    if ema is not None:
        ema.check_fits(model)
    seed = torch.initial_seed() if seed is None else seed
    engine = Alone() if accelerator is None else accelerator
    rates = Rates(optimizer)
    # In the model's order, in which a loop on a page clips: the norm is then the same to the bit.
    order = {id(p): place for place, p in enumerate(model.parameters())}
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    parameters.sort(key=lambda p: order.get(id(p), len(order)))
    # A card has to wait for each look at a number, so there it is taken now and then.
    look_every = 1 if all(p.device.type == "cpu" for p in parameters) else 50
    objective, stepper = engine.prepare(Objective(model, loss_fn), optimizer)
    try:
        for step in range(first_step, num_steps):
            rates.set(lr_schedule(step / num_steps))
            model.train()  # also after a look at samples in the middle
            loss = torch.zeros((), device=parameters[0].device)
            stepper.zero_grad()
            with own_random_numbers(step_seed(seed, step, engine.process_index), loss.device):
                for share in shares(batch_of(batches, step), engine):
                    with engine.accumulate(objective):
                        part = objective(share)
                        engine.backward(part)
                    loss += part.detach() / engine.gradient_accumulation_steps
            loss = engine.reduce(loss, "mean")
            norm = engine.clip_grad_norm_(parameters, grad_clip)
            if step % look_every == 0 or step == num_steps - 1:
                stop_if_not_finite(model, loss, norm, step, rates.now)
            with passing_over_bad_steps(optimizer, loss, norm):
                stepper.step()
            if step == num_steps - 1:
                stop_if_broken(model, step, rates.now)
            if ema is not None:
                ema.update(model)
            yield TrainStep(step + 1, loss, rates.now, norm.detach())
    finally:
        rates.restore()
        model.eval()


@contextmanager
def own_random_numbers(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch inside the block, and leave its random state as it was before."""
    cards = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cards):
        torch.manual_seed(seed)
        yield


@contextmanager
def passing_over_bad_steps(optimizer: Optimizer, loss: Tensor, norm: Tensor) -> Iterator[None]:
    """Inside, a fused optimizer leaves the weights alone if a number is not finite, unlooked.

    So the weights stay what they were, and every later gradient can be trusted again.
    """
    if not optimizer.defaults.get("fused"):
        yield
        return
    bad = ~(loss.isfinite() & norm.isfinite())
    optimizer.grad_scale, optimizer.found_inf = None, bad.float()  # type: ignore[attr-defined]
    try:
        yield
    finally:  # else the optimizer would go on passing over the steps of its owner
        del optimizer.grad_scale, optimizer.found_inf  # type: ignore[attr-defined]
