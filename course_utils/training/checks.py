"""What `train_steps` looks at before it changes a weight."""

from __future__ import annotations

import math
from collections.abc import Sized
from typing import Any, Protocol

from torch import Tensor, nn
from torch.optim import Optimizer


class Indexed(Protocol):
    """Batches by number: `batches[k]` is always the same, which is what lets training resume."""

    def __getitem__(self, step: int, /) -> Any:
        """Batch number `step`."""


def stop_if_not_finite(
    model: nn.Module, loss: Tensor, norm: Tensor, step: int, rate: float
) -> None:
    """Raise FloatingPointError that says where a loss or gradient stopped being finite."""
    if math.isfinite(loss.item()) and math.isfinite(norm.item()):
        return
    broken = is_broken(model)
    weights = "so are some of the weights" if broken else "the weights are those before this step"
    raise FloatingPointError(
        f"training stopped at step {step + 1}: loss is {loss.item():.4g} and gradient norm "
        f"{norm.item():.4g}, at learning rate {rate:.3g}; {weights}. "
        "Look for nan in the batch, then try a learning rate three times smaller."
    )


def is_broken(model: nn.Module) -> bool:
    """Whether a weight is infinite or nan, or a buffer nan: a mask may hold infinities."""
    infinite = any(not bool(p.isfinite().all()) for p in model.parameters())
    return infinite or any(bool(b.isnan().any()) for b in model.buffers())


def stop_if_broken(model: nn.Module, step: int, rate: float) -> None:
    """Raise FloatingPointError if the last step left weights that are not finite."""
    if is_broken(model):
        raise FloatingPointError(
            f"the last step, {step + 1}, left weights that are infinite or nan, at learning rate "
            f"{rate:.3g}. Make the model anew, and try a learning rate three times smaller."
        )


def check_batches(batches: Indexed, num_steps: int) -> None:
    """Raise ValueError for a list that ends before the training does."""
    if isinstance(batches, Sized) and len(batches) < num_steps:
        raise ValueError(
            f"num_steps is {num_steps}, but there are only {len(batches)} batches. Use fewer "
            "steps, or data.Batches, which begins the data again when it ends."
        )


def batch_of(batches: Indexed, step: int) -> Any:
    """batches[step].

    Raises:
        ValueError: it cannot be asked for by number, or there are not so many.
    """
    if not hasattr(batches, "__getitem__"):
        raise ValueError(
            "batches must give batch number k as batches[k], which lets training resume; got a "
            f"{type(batches).__name__}. Use data.Batches(x, labels, batch_size=32), or a list."
        )
    try:
        return batches[step]
    except IndexError as error:
        raise ValueError(
            f"there is no batch {step} ({error}). Use fewer steps, or data.Batches, which begins "
            "the data again when it ends."
        ) from error


def check_numbers(num_steps: int, first_step: int = 0, grad_clip: float = 1.0) -> None:
    """Raise ValueError for numbers that no training can have."""
    if not isinstance(num_steps, int) or num_steps < 1:
        raise ValueError(f"num_steps must be a whole number of at least 1; got {num_steps!r}.")
    if not 0 <= first_step <= num_steps:
        raise ValueError(f"first_step must lie between 0 and {num_steps}; got {first_step}.")
    if not grad_clip > 0:
        raise ValueError(
            f"grad_clip must be above 0; got {grad_clip}. Use float('inf') to clip nothing."
        )


def check_optimizer(optimizer: Optimizer, model: nn.Module) -> None:
    """Raise for an optimizer that would not train this model."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            "optimizer must be made for the model, such as optimizer=muon(model, 0.02); got "
            f"{optimizer!r}."
        )
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    if not held & {id(p) for p in model.parameters() if p.requires_grad}:
        raise ValueError(
            f"the optimizer holds none of the {type(model).__name__}'s weights that can be "
            "trained, so it would train nothing. Make it for this model: adamw(model)."
        )
