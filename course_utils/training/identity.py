"""What tells one training from another, so that a checkpoint goes on only with its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from course_utils.training.checks import Indexed
from course_utils.training.content import made_of, mark, network

STREAM = ("batch_size", "context_length", "seed")  # what decides the batches of a stream
# What is the same in every run of one recipe on one machine, but not on another machine or Python.
EXACT = "exact"


def configuration(
    model: nn.Module,
    batches: Indexed,
    first_batch: Any,
    optimizer: Optimizer,
    functions: Mapping[str, Callable[..., Any]],
    **recipe: Any,
) -> dict[str, Any]:
    """What a checkpoint must agree with, as a file gives it back.

    The entry "exact" holds hashes of the first batch and of what network and functions are made of;
    the others say in words what a reader would recognise.

    Raises:
        TypeError: a part of it cannot be written to a file; better now than at the first save.
        ValueError: a function holds something that cannot be told from another.
    """
    kinds = dict.fromkeys(type(part).__name__ for part in model.modules())
    found = {
        "model": ", ".join(kinds),
        "parameters": sum(p.numel() for p in model.parameters()),
        "batches": {key: getattr(batches, key) for key in STREAM if hasattr(batches, key)},
        "data": summary(first_batch),
        "optimizer": type(optimizer).__name__,
        "learning_rate": [group["lr"] for group in optimizer.param_groups],
        "weight_decay": [group.get("weight_decay", 0.0) for group in optimizer.param_groups],
        **{name: name_of(function) for name, function in functions.items()},
        EXACT: {name: mark(made_of(f, (id(model),))) for name, f in functions.items()}
        | {"network": mark(network(model))}
        | {"first batch": mark(made_of(first_batch))}
        | {"optimizer": mark([settings(group) for group in optimizer.param_groups])},
    }
    config: Any = getattr(model, "config", {})
    own: dict[str, Any] = asdict(config) if not isinstance(config, dict) else config
    return json.loads(json.dumps({**found, **recipe, **own}))


def summary(batch: Any) -> list[Any]:
    """Shape, mean and spread of each tensor: other data shows, another rounding does not."""
    if isinstance(batch, tuple | list):
        return [entry for part in batch for entry in summary(part)]
    if not isinstance(batch, Tensor):
        return []
    numbers = batch.detach().float()
    spread = numbers.std(correction=0)
    return [[list(batch.shape), round(numbers.mean().item(), 2), round(spread.item(), 2)]]


def settings(group: Mapping[str, Any]) -> list[Any]:
    """The settings of a group of an optimizer, and how many tensors it holds."""
    own = {**group, "params": len(group["params"])}
    return [made_of([name, own[name]]) for name in sorted(own)]


def name_of(function: Callable[..., Any]) -> str:
    """What a reader calls a function; an object without a name goes by its class."""
    if isinstance(function, partial):
        return f"partial of {name_of(function.func)}"
    return getattr(function, "__name__", type(function).__name__)
