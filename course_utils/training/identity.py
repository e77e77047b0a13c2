"""What tells one training from another, so that a checkpoint goes on only with its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from torch import Tensor, nn

from course_utils.training.loop import Indexed

STREAM = ("batch_size", "context_length", "seed")  # what decides the batches of a stream


def configuration(model: nn.Module, batches: Indexed, **recipe: Any) -> dict[str, Any]:
    """What a checkpoint must agree with, as a file gives it back.

    Raises:
        TypeError: a part of it cannot be written to a file; better now than at the first save.
    """
    kinds = dict.fromkeys(type(part).__name__ for part in model.modules())
    found = {
        "model": ", ".join(kinds),
        "parameters": sum(p.numel() for p in model.parameters()),
        "batches": {key: getattr(batches, key) for key in STREAM if hasattr(batches, key)},
        "data": summary(batches[0]),
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


def name_of(function: Callable[..., Any]) -> str:
    """What a checkpoint calls a function; an object without a name goes by its class."""
    return getattr(function, "__name__", type(function).__name__)
