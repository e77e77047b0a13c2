"""What a value is made of, so that two that do the same are told from two that do not."""

from __future__ import annotations

import dis
import hashlib
import io
import types
from collections.abc import Iterator
from functools import partial
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from course_utils.training.checkpoint import digest

Plain = bool | int | float | complex | str | bytes | None


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


def network(model: nn.Module) -> Any:
    """Class and settings of each part of a network; also the code of a class that a page defines.

    Weights have names and shapes, but a dropout's rate or a scale has not.
    """
    parts = []
    for module in model.modules():
        kind = type(module)
        settings = {
            name: value
            for name, value in vars(module).items()
            if isinstance(value, Plain | tuple) and name[0] != "_" and name != "training"
        }
        own = vars(kind) if kind.__module__ == "__main__" else {}
        methods = {k: v for k, v in own.items() if isinstance(v, types.FunctionType)}
        seen = (id(kind), id(module))
        parts.append([kind.__qualname__, made_of(settings, seen), made_of(methods, seen)])
    return parts


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
    codes = _codes(function.__code__)
    counted = _written(codes)  # such as a count of calls: it says nothing about what is done
    names = dict.fromkeys(name for code in codes for name in code.co_names if name not in counted)
    around = {name: function.__globals__.get(name) for name in names}
    own = {
        name: made_of(value, seen)
        for name, value in around.items()
        if isinstance(value, bool | int | float | str | Tensor)
        or (isinstance(value, types.FunctionType) and value.__module__ == function.__module__)
    }
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    enclosed = [made_of(cell.cell_contents, seen) for name, cell in cells if name not in counted]
    defaults = made_of([function.__defaults__, function.__kwdefaults__], seen)
    code = [[c.co_code.hex(), c.co_names, _plain(c.co_consts)] for c in codes]
    return ["function", code, defaults, enclosed, own]


def _written(codes: list[types.CodeType]) -> set[str]:
    """Names outside of it that a function writes to."""
    steps = [step for code in codes for step in dis.get_instructions(code)]
    outside = {name for code in codes for name in code.co_freevars}
    stored = {step.argval for step in steps if step.opname == "STORE_DEREF"} & outside
    return stored | {step.argval for step in steps if step.opname == "STORE_GLOBAL"}


def _plain(constants: tuple[Any, ...]) -> list[str]:
    return [repr(constant) for constant in constants if isinstance(constant, Plain | tuple)]


def _codes(code: types.CodeType) -> list[types.CodeType]:
    """The code of a function and of the functions written inside it."""
    inner = [part for part in code.co_consts if isinstance(part, types.CodeType)]
    return [code, *(found for part in inner for found in _codes(part))]
