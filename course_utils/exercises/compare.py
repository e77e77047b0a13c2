"""Compares the answer of a function with the expected one, and says what differs in plain words."""

import dataclasses
import inspect
import math
import numbers
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_utils.exercises.show import SHORT, WIDTH, by_value, describe, shorten

NAN = "It comes of 0 / 0, -inf * 0, inf - inf, or the log or root of a negative number."


class Yielded(list[Any]):
    """What an iterator gave: not the same answer as a list that was returned.

    Args:
        items: what came, up to a limit.
        made_by: "yield", "expression" for a generator in round brackets, or a type such as "zip".
        endless: it went on at the limit.
    """

    def __init__(self, items: Iterable[Any], made_by: str = "yield", endless: bool = False) -> None:
        super().__init__(items)
        self.made_by, self.endless = made_by, endless


def difference(expected: Any, got: Any, tolerance: float) -> str:
    """What differs between two answers, in at most three lines; empty when nothing does.

    Args:
        expected: a tensor, number, string, or a list, tuple, dict or dataclass of those.
        got: what came instead; a number may stand for a tensor of one element, and the reverse.
        tolerance: relative and absolute, for floating point numbers.
    """
    if got is None and expected is not None:
        return "it returned nothing: did you forget return?"
    if isinstance(got, Yielded):
        if not isinstance(expected, Yielded):
            return _lazy(got)
        if got.endless > expected.endless:
            return f"it yields without end; expected {len(expected)} items."
    elif isinstance(expected, Yielded):
        return "its answer comes through return: did you mean yield?"
    elif isinstance(got, Iterator) and not isinstance(expected, Iterator):  # inside the answer
        return _lazy(Yielded([], type(got).__name__))
    if _is_number(expected) and _is_number(got):
        return _numbers(expected, got, tolerance)
    if isinstance(expected, Tensor) and isinstance(got, Tensor):
        return _tensors(_plain(expected), _plain(got), tolerance)
    if isinstance(expected, str) and isinstance(got, str):
        return _strings(expected, got)
    if isinstance(expected, list | tuple) and isinstance(got, list | tuple):
        return _sequences(expected, got, tolerance)
    if isinstance(expected, dict) and isinstance(got, dict):
        return _dicts(expected, got, tolerance)
    if type(expected) is not type(got):
        return f"expected {describe(expected)},\ngot {describe(got)}."
    if dataclasses.is_dataclass(expected):
        return _dicts(vars(expected), vars(got), tolerance)
    if isinstance(expected, np.ndarray):
        return _tensors(torch.from_numpy(expected), torch.from_numpy(got), tolerance)
    if _equal(expected, got):
        return ""
    return f"expected {describe(expected)},\ngot {describe(got)}."


def _equal(expected: Any, got: Any) -> bool:
    if inspect.ismethod(expected) and inspect.ismethod(got):  # equal only if of the same object
        return expected.__func__ is got.__func__ and not difference(
            expected.__self__, got.__self__, 0.0
        )
    # Two networks, say: nothing tells what they are worth.
    has_no_value = type(expected).__eq__ is object.__eq__  # type: ignore[comparison-overlap]
    try:
        return has_no_value or bool(expected == got)
    except Exception:  # an __eq__ of the learner's
        return False


def _lazy(got: Yielded) -> str:
    """An answer that waits to be asked for its items, where the items themselves were expected."""
    if got.made_by == "yield":
        return "its answer comes through yield: did you mean return?"
    if got.made_by == "expression":
        return "it returned a generator, (... for ...): write [... for ...], which is a list."
    kind = {"list_reverseiterator": "reversed"}.get(got.made_by, got.made_by)
    ends = "and never ends" if got.endless else "so wrap it in list(...)"
    return f"it returned an object of type {kind}, which gives items only when asked, {ends}."


def _is_number(value: Any) -> bool:
    if isinstance(value, Tensor | np.ndarray):
        return value.ndim == 0
    return isinstance(value, numbers.Number | np.generic)


def _plain(value: Tensor) -> Tensor:
    value = value.detach().cpu()
    return value if value.layout == torch.strided else value.to_dense()


def _numbers(expected: Any, got: Any, tolerance: float) -> str:
    left, right = (v.item() if hasattr(v, "item") else v for v in (expected, got))
    if isinstance(left, complex) or isinstance(right, complex):
        close = abs(left - right) <= tolerance * (1 + abs(left))
    else:
        close = math.isclose(left, right, rel_tol=tolerance, abs_tol=tolerance)
        close = close or (math.isnan(left) and math.isnan(right))
    if close:
        return ""
    nan = f"\n{NAN}" if isinstance(right, float) and math.isnan(right) else ""
    return f"expected {_show(left)}, got {_show(right)}.{nan}"


def _tensors(expected: Tensor, got: Tensor, tolerance: float) -> str:
    """Shape first, then kind of number, then NaN, then values."""
    if expected.shape != got.shape:
        return f"expected shape {tuple(expected.shape)}, got {tuple(got.shape)}."
    kinds = [_kind(value) for value in (expected, got)]
    if kinds[0] != kinds[1]:
        return f"expected {kinds[0]}, got {kinds[1]} ({str(got.dtype).removeprefix('torch.')})."
    wide = torch.complex128 if expected.is_complex() else torch.float64
    left, right = expected.to(wide), got.to(wide)
    strange = right.isnan() & ~left.isnan()
    if strange.any():
        first = strange.nonzero()[0].tolist()
        places = f"{int(strange.sum())} of {strange.numel()} places"
        return f"NaN in {places}, first at {first}.\n{NAN}"
    wrong = ~torch.isclose(right, left, rtol=tolerance, atol=tolerance, equal_nan=True)
    if not wrong.any():
        return ""
    distance = (right - left).abs().nan_to_num(nan=math.inf).where(wrong, -1.0)
    place = tuple(int(i) for i in np.unravel_index(int(distance.argmax()), distance.shape))
    return (
        f"{int(wrong.sum())} of {wrong.numel()} values differ, most at {list(place)}:\n"
        f"expected {_show(expected[place].item())}, got {_show(got[place].item())}."
    )


def _kind(value: Tensor) -> str:
    if value.dtype == torch.bool:
        return "truth values"
    if value.is_complex():
        return "complex numbers"
    return "floating point numbers" if value.is_floating_point() else "whole numbers"


def _strings(expected: str, got: str) -> str:
    if expected == got:
        return ""
    pairs = zip(expected, got, strict=False)
    shared = min(len(expected), len(got))
    place = next((n for n, (left, right) in enumerate(pairs) if left != right), shared)
    start = max(0, place - WIDTH // 4)
    shown = [shorten(repr(text[start : place + WIDTH // 4])) for text in (expected, got)]
    return f"the texts differ from character {place} on:\nexpected {shown[0]}\ngot      {shown[1]}"


def _sequences(expected: Any, got: Any, tolerance: float) -> str:
    if len(expected) != len(got):
        lengths = f"expected {len(expected)} items, got {len(got)}"
        shown = [by_value(items) for items in (expected, got)]
        if max(map(len, shown)) > SHORT:
            return f"{lengths}."
        return f"{lengths}:\nexpected {shown[0]},\ngot      {shown[1]}."
    return _items(enumerate(zip(expected, got, strict=True)), tolerance)


def _dicts(expected: dict[Any, Any], got: dict[Any, Any], tolerance: float) -> str:
    if expected.keys() != got.keys():
        return f"expected the keys {sorted(expected, key=str)},\ngot {sorted(got, key=str)}."
    return _items(((key, (expected[key], got[key])) for key in expected), tolerance)


def _items(pairs: Iterable[tuple[Any, tuple[Any, Any]]], tolerance: float) -> str:
    """The first item that differs, with its place."""
    for key, (expected, got) in pairs:
        if found := difference(expected, got, tolerance):
            return f"item {key!r}: {found}"
    return ""


def _show(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, float) else repr(value)
