"""A hash over what a value is made of: data by its bytes, functions by their code and what it sees.

Two functions of one name but another constant, setting, default or closure get two hashes. A value
that holds something that cannot be looked into is refused rather than taken for another.
"""

from __future__ import annotations

import dis
import enum
import hashlib
import json
from collections.abc import Mapping
from functools import partial
from pathlib import PurePath
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

PLAIN: tuple[type, ...] = (type(None), bool, int, float, complex, str, bytes, range, type(...))
PLAIN += (PurePath, enum.Enum, np.generic, torch.dtype, torch.device, torch.layout)
CLASSES_OWN = {"__doc__", "__module__", "__qualname__", "__firstlineno__"}


class Content:
    """What values are made of, as lists and texts that can be hashed.

    Args:
        given: id -> name of objects that are not looked into, such as the model that is trained.
    """

    def __init__(self, given: Mapping[int, str]) -> None:
        self.given = given
        self.inside: list[int] = []  # objects around the one that is looked at: a cycle ends here

    def digest(self, name: str, value: Any) -> str:
        """Twelve digits of the hash of a value.

        Raises:
            ValueError: it holds something that cannot be told from others.
        """
        try:
            made_of = self.of(value)
        except Unknown as unknown:
            raise ValueError(
                f"a checkpoint must know {name} again, and cannot: it holds {unknown}. Make "
                "it of numbers, texts, tensors and functions, or leave out checkpoint."
            ) from None
        return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:12]

    def of(self, value: Any) -> Any:
        """What a value is made of.

        Raises:
            Unknown: it cannot be said.
        """
        if isinstance(value, PLAIN):
            return repr(value)
        if id(value) in self.given:
            return self.given[id(value)]
        if id(value) in self.inside:
            return f"around, {len(self.inside) - self.inside.index(id(value))} levels up"
        self.inside.append(id(value))
        try:
            return [type(value).__qualname__, self._parts(value)]
        finally:
            self.inside.pop()

    def _parts(self, value: Any) -> Any:
        match value:
            case Tensor():
                flat = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
                return [str(value.dtype), list(value.shape), sha256(flat.numpy().tobytes())]
            case np.ndarray() if value.dtype != object:
                return [str(value.dtype), list(value.shape), sha256(value.tobytes())]
            case list() | tuple():
                return [self.of(part) for part in value]
            case dict():
                return [[self.of(key), self.of(part)] for key, part in value.items()]
            case set() | frozenset():
                return sorted(json.dumps(self.of(part)) for part in value)
            case partial():
                return [self.of(part) for part in (value.func, value.args, value.keywords)]
            case MethodType():
                return [self.of(value.__func__), self.of(value.__self__)]
            case FunctionType():
                return self._function(value)
            case ModuleType():
                return value.__name__
            case BuiltinFunctionType():
                owner = value.__self__
                return [value.__qualname__, owner if owner is None else self.of(owner)]
            case type():
                return self._class(value)
            case nn.Module():
                state = [[name, self.of(x)] for name, x in value.state_dict().items()]
                return [[self.structure(part) for part in value.modules()], state]
        return self._object(value)

    def structure(self, module: nn.Module) -> Any:
        """Class and settings of a module, without its weights and parts."""
        settings = {
            key: value
            for key, value in vars(module).items()
            if isinstance(value, (*PLAIN, tuple)) and key != "training" and not key.startswith("_")
        }
        return [self.of(type(module)), self.of(settings)]

    def _object(self, value: Any) -> Any:
        if isinstance(value, torch.Generator):
            raise Unknown("a torch.Generator, whose state is not saved")
        slots = [key for kind in type(value).__mro__ for key in getattr(kind, "__slots__", ())]
        state = {key: getattr(value, key) for key in slots if hasattr(value, key)}
        if not hasattr(value, "__dict__") and not slots:
            raise Unknown(f"a {type(value).__module__}.{type(value).__qualname__}")
        return [self.of(type(value)), self.of(state | getattr(value, "__dict__", {}))]

    def _class(self, kind: type) -> Any:
        name = f"{kind.__module__}.{kind.__qualname__}"
        if kind.__module__ != "__main__":
            return name
        own = {key: part for key, part in vars(kind).items() if key not in CLASSES_OWN}
        functions = {key: getattr(part, "__func__", part) for key, part in own.items()}
        code = [self.of(f) for f in functions.values() if isinstance(f, FunctionType)]
        plain = {key: part for key, part in own.items() if isinstance(part, PLAIN)}
        return [name, [self.of(base) for base in kind.__bases__], code, self.of(plain)]

    def _function(self, function: FunctionType) -> Any:
        """Code, defaults and closure; of a notebook's function also what it reads there.

        What a function itself writes to is its state, not what it is made of.
        """
        code = function.__code__
        closure = dict(zip(code.co_freevars, function.__closure__ or (), strict=True))
        reads, writes = names(code)
        seen = {key: cell_contents(cell) for key, cell in closure.items() if key not in writes}
        if function.__module__ == "__main__":
            around = function.__globals__
            seen |= {key: around[key] for key in sorted(reads - writes) if key in around}
        settings = [function.__defaults__, function.__kwdefaults__, seen]
        return [self._code(code, function.__doc__), *(self.of(part) for part in settings)]

    def _code(self, code: CodeType, doc: str | None) -> Any:
        constants = [
            self._code(part, None) if isinstance(part, CodeType) else self.of(part)
            for part in code.co_consts
            if not (doc is not None and part == doc)
        ]
        return [code.co_code.hex(), list(code.co_names), list(code.co_varnames), constants]


class Unknown(Exception):
    """Something that cannot be looked into."""


def sha256(content: bytes) -> str:
    """The hash of bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def cell_contents(cell: Any) -> Any:
    """What a closure holds, or "empty" before it holds anything."""
    try:
        return cell.cell_contents
    except ValueError:
        return "empty"


def names(code: CodeType) -> tuple[set[str], set[str]]:
    """Names of the globals that code reads, and of globals and closures that it writes."""
    reads, writes = set(), set()
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            reads.add(step.argval)
        elif step.opname in ("STORE_GLOBAL", "STORE_DEREF"):
            writes.add(step.argval)
    for part in code.co_consts:
        if isinstance(part, CodeType):
            inner = names(part)
            reads, writes = reads | inner[0], writes | inner[1]
    return reads, writes
