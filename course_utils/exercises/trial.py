"""Tries a function in every case of an exercise: what it returned, raised or changed."""

import inspect
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import torch

from course_utils.exercises import Exercise, WrongAnswer
from course_utils.exercises.compare import Yielded, difference
from course_utils.exercises.limit import OutOfTime, within
from course_utils.exercises.show import shorten
from course_utils.exercises.source import line_reached

MAX_YIELDS = 1000  # of an answer that may never stop yielding


@dataclass(frozen=True)
class Outcome:
    """What a function did in one case: it returned a value or failed, and maybe changed inputs."""

    value: Any = None
    error: str = ""  # why there is no value: what it raised, or that it did not end
    where: str = ""  # the line of the function that raised or was stopped
    stub: bool = False  # it raised the NotImplementedError of an exercise
    changed: tuple[int, ...] = ()  # which arguments it changed in place, counted from 0


def try_cases(
    exercise: Exercise, function: Callable[..., Any], seconds: float | None = None, seed: int = 1
) -> list[Outcome]:
    """What the function does in each case, with the same global random numbers every time.

    Args:
        exercise: gives the cases and the probe.
        function: the learner's, the reference, or a mistake.
        seconds: for all cases together; a case that is stopped is the last one. None: no limit.
        seed: of the global random numbers of each call.
    """
    end = None if seconds is None else time.monotonic() + seconds
    outcomes: list[Outcome] = []
    with torch.random.fork_rng(devices=[]):
        for arguments, originals in zip(fresh_cases(exercise), fresh_cases(exercise), strict=True):
            left = None if end is None else max(0.0, end - time.monotonic())
            torch.manual_seed(seed)
            try:
                value = within(left, partial(_answer, exercise, function, arguments))
            except OutOfTime as error:
                where = line_reached(error, function, loop=True)
                return [
                    *outcomes,
                    Outcome(error=f"it was stopped after {seconds:g} s", where=where),
                ]
            except Exception as error:
                outcomes.append(_failure(error, function))
                continue
            pairs = enumerate(zip(originals, arguments, strict=True))
            changed = tuple(place for place, (old, new) in pairs if difference(old, new, 0.0))
            outcomes.append(Outcome(value, changed=changed))
    return outcomes


def first_difference(left: list[Outcome], right: list[Outcome], tolerance: float) -> int | None:
    """The first case in which two functions do different things, or None."""
    for place, (one, other) in enumerate(zip(left, right, strict=False)):
        if (one.error, one.changed) != (other.error, other.changed):
            return place
        if difference(one.value, other.value, tolerance):
            return place
    return None


def fresh_cases(exercise: Exercise) -> list[tuple[Any, ...]]:
    """The arguments of every case, equal on every call."""
    torch.manual_seed(0)
    return list(exercise.cases())


def _answer(exercise: Exercise, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    value = exercise.probe(function, *arguments)
    if not isinstance(value, Iterator):
        return value
    made_by = type(value).__name__  # a generator runs only when it is asked
    if inspect.isgenerator(value):
        made_by = "expression" if value.gi_code.co_name == "<genexpr>" else "yield"
    items = list(islice(value, MAX_YIELDS + 1))
    return Yielded(items, made_by, endless=len(items) > MAX_YIELDS)


def _failure(error: Exception, function: Callable[..., Any]) -> Outcome:
    if isinstance(error, WrongAnswer):
        return Outcome(error=str(error))
    where = line_reached(error, function)
    stub = isinstance(error, NotImplementedError) and (
        not where or "NotImplementedError" in where  # torch raises it too, elsewhere
    )
    return Outcome(None, f"it raised {type(error).__name__}: {shorten(str(error))}", where, stub)
