"""What tells one training from another, so that a checkpoint goes on only with its own."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass, is_dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from course_utils.training.average import EMA
from course_utils.training.content import Content
from course_utils.training.seeds import seeded, step_seed

if TYPE_CHECKING:
    from course_utils.training.loop import Indexed, Loss
    from course_utils.training.rates import RateSchedule

STREAM = ("batch_size", "context_length", "seed")  # what decides the batches of a stream


@dataclass(frozen=True)
class Identity:
    """What a checkpoint must agree with, as a file gives it back.

    Attributes:
        config: what can be read, and is the same on every machine: names, sizes, settings.
        exact: hashes over bytes of the data and over code. They may differ between machines and
            versions of Python, so weights that the course ships are not asked for them.
    """

    config: dict[str, Any]
    exact: dict[str, str]

    @staticmethod
    def of(
        model: nn.Module,
        batches: Indexed,
        loss_fn: Loss,
        optimizer: Optimizer,
        lr_schedule: RateSchedule,
        ema: EMA | None,
    ) -> Identity:
        """The identity of a training.

        Raises:
            ValueError: a part of it cannot be told from others; better now than at the first save.
        """
        seed = torch.initial_seed()
        device = next(p for group in optimizer.param_groups for p in group["params"]).device
        with seeded(step_seed(seed, 0), device):
            batch = batches[0]
        config = {
            "model": ", ".join(dict.fromkeys(type(part).__name__ for part in model.modules())),
            "parameters": sum(p.numel() for p in model.parameters()),
            "batches": {key: getattr(batches, key) for key in STREAM if hasattr(batches, key)},
            "data": summary(batch),
            "loss": name_of(loss_fn),
            "optimizer": type(optimizer).__name__,
            "lr_schedule": name_of(lr_schedule),
            "ema": ema.decay if ema else None,
            "seed": seed,
        }
        settings = [{**group, "params": len(group["params"])} for group in optimizer.param_groups]
        content = Content(given={id(model): "model"})
        exact = {
            "python": ".".join(platform.python_version_tuple()[:2]),
            "network": content.digest("the model", [content.structure(m) for m in model.modules()]),
            "bytes of batch 0": content.digest("batches[0]", batch),
            "code of the loss": content.digest("loss_fn", loss_fn),
            "code of lr_schedule": content.digest("lr_schedule", lr_schedule),
            "settings of the optimizer": content.digest("optimizer", settings),
        }
        return Identity(plain(config | numbers(optimizer) | own_config(model)), exact)


def own_config(model: nn.Module) -> dict[str, Any]:
    """The entries of `model.config`, a dict or dataclass, where there is one."""
    config: Any = getattr(model, "config", {})
    if is_dataclass(config) and not isinstance(config, type):
        config = asdict(config)
    return {f"model.{k}": v for k, v in config.items()} if isinstance(config, dict) else {}


def plain(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration as JSON gives it back.

    Raises:
        ValueError: JSON cannot hold it.
    """
    try:
        found: dict[str, Any] = json.loads(json.dumps(config))
    except TypeError as error:
        raise ValueError(
            f"a checkpoint stores model.config, which must hold numbers, texts, lists and dicts; "
            f"got {error}. Leave that out of model.config, or leave out checkpoint."
        ) from error
    return found


def numbers(optimizer: Optimizer) -> dict[str, Any]:
    """Rates, decays and the like of each group; its switches differ between versions of torch."""
    found: dict[str, Any] = {}
    for index, group in enumerate(optimizer.param_groups):
        found[f"weights in group {index}"] = len(group["params"])
        for key, value in group.items():
            if type(value) in (int, float, tuple):
                found[f"{key} of group {index}"] = value
    return found


def summary(batch: Any) -> list[Any]:
    """Shape, mean and spread of each tensor: other data shows, another rounding does not."""
    if isinstance(batch, dict):
        batch = [batch[key] for key in sorted(batch)]
    if isinstance(batch, tuple | list):
        return [entry for part in batch for entry in summary(part)]
    if not isinstance(batch, Tensor | np.ndarray):
        return []
    numbers = torch.as_tensor(batch).detach().float()
    spread = numbers.std(correction=0)
    return [[list(batch.shape), round(numbers.mean().item(), 2), round(spread.item(), 2)]]


def name_of(function: Any) -> str:
    """What a checkpoint calls a function; an object without a name goes by its class."""
    if isinstance(function, partial):
        return name_of(function.func)
    return getattr(function, "__name__", type(function).__name__)
