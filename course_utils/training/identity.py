"""What tells one training from another, so that a checkpoint goes on only with its own."""

from __future__ import annotations

import hashlib
import io
import json
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from course_utils.training.checkpoint import digest
from course_utils.training.checks import Indexed

STREAM = ("batch_size", "context_length", "seed")  # what decides the batches of a stream
# What is the same in every run of one recipe on one machine, but not on another machine or Python.
EXACT = "exact"
Plain = bool | int | float | complex | str | bytes | None


def configuration(
    model: nn.Module,
    batches: Indexed,
    first_batch: Any,
    optimizer: Optimizer,
    functions: Mapping[str, Callable[..., Any]],
    **recipe: Any,
) -> dict[str, Any]:
    """What a checkpoint must agree with, as a file gives it back.

    The entry "exact" holds hashes of the first batch and of what each function is made of; the
    others say in words what a reader would recognise.

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
        EXACT: {name: mark(made_of(function)) for name, function in functions.items()}
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


def mark(parts: Any) -> str:
    """A short hash of nested lists of plain values."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def made_of(value: Any, seen: tuple[int, ...] = ()) -> Any:
    """A value as nested lists of plain values, equal only for values that do the same.

    A function is its code, its defaults, and what it takes from around it: values of enclosing
    functions, and plain values and functions of its own module. An object is its class and state.

    Raises:
        ValueError: there is something in it that has no such form, such as an open file.
    """
    if isinstance(value, Plain | torch.device | torch.dtype | PurePath | range):
        return [type(value).__name__, repr(value)]
    if id(value) in seen:
        return "itself"  # a function that calls itself
    deeper = (*seen, id(value))
    if isinstance(value, tuple | list):
        return [type(value).__name__, *(made_of(item, deeper) for item in value)]
    if isinstance(value, dict):
        return ["dict", *([made_of(k, deeper), made_of(v, deeper)] for k, v in value.items())]
    if isinstance(value, set | frozenset):
        return ["set", *sorted(repr(made_of(item, deeper)) for item in value)]
    if isinstance(value, np.ndarray):
        return made_of(torch.from_numpy(value), seen)
    if isinstance(value, Tensor):
        return ["tensor", digest({"": value.detach().cpu().contiguous()}, "")]
    if isinstance(value, torch.Generator):
        return ["generator", made_of(value.get_state())]
    return _callable_parts(value, deeper)


def _callable_parts(value: Any, seen: tuple[int, ...]) -> Any:
    """`made_of` for functions, classes, modules and other objects."""
    if isinstance(value, partial):
        return ["partial", *(made_of(v, seen) for v in (value.func, value.args, value.keywords))]
    if isinstance(value, types.MethodType):
        return ["method", made_of(value.__func__, seen), made_of(value.__self__, seen)]
    if isinstance(value, types.FunctionType):
        plain = getattr(value, "_torchdynamo_orig_callable", value)  # behind torch.compile
        return _function_parts(plain, seen)
    if isinstance(value, type | types.BuiltinFunctionType | types.ModuleType):
        return [getattr(value, "__module__", ""), getattr(value, "__qualname__", repr(value))]
    if isinstance(value, nn.Module):
        state = {name: tensor.detach().cpu() for name, tensor in value.state_dict().items()}
        return ["module", repr(value), digest(state, "")]
    if isinstance(value, Iterator | io.IOBase) or not hasattr(value, "__dict__"):
        raise ValueError(
            f"a checkpoint must tell this training from another, and cannot tell two objects of "
            f"type {type(value).__name__} apart that a function of it holds. Give the function "
            "numbers, tensors or functions instead, or leave out checkpoint."
        )
    kind = type(value)
    methods = {k: v for k, v in vars(kind).items() if isinstance(v, types.FunctionType)}
    return ["object", kind.__qualname__, made_of(methods, seen), made_of(dict(vars(value)), seen)]


def _function_parts(function: types.FunctionType, seen: tuple[int, ...]) -> Any:
    """Code, defaults, enclosed values, and what it names of its own module."""
    names = [name for code in _codes(function.__code__) for name in code.co_names]
    around = {name: function.__globals__.get(name) for name in dict.fromkeys(names)}
    own = {
        name: made_of(value, seen)
        for name, value in around.items()
        if isinstance(value, bool | int | float | str | Tensor)
        or (isinstance(value, types.FunctionType) and value.__module__ == function.__module__)
    }
    enclosed = [made_of(cell.cell_contents, seen) for cell in function.__closure__ or ()]
    defaults = made_of([function.__defaults__, function.__kwdefaults__], seen)
    code = [
        [
            c.co_code.hex(),
            c.co_names,
            [repr(k) for k in c.co_consts if isinstance(k, Plain | tuple)],
        ]
        for c in _codes(function.__code__)
    ]
    return ["function", code, defaults, enclosed, own]


def _plain(constants: tuple[Any, ...]) -> list[str]:
    return [repr(constant) for constant in constants if isinstance(constant, Plain | tuple)]


def _codes(code: types.CodeType) -> list[types.CodeType]:
    """The code of a function and of the functions written inside it."""
    inner = [part for part in code.co_consts if isinstance(part, types.CodeType)]
    return [code, *(found for part in inner for found in _codes(part))]
