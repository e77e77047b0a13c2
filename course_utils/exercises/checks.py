"""Marks a learner's function: ``checks.run("01.1", jump)`` reports, and never raises."""

import inspect
import linecache
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Any

import torch

from course_utils.exercises import Exercise, WrongAnswer, find
from course_utils.exercises.compare import Yielded, describe, difference, shorten

MAX_LINES = 6  # of detail under the verdict
MAX_YIELDS = 1000  # of an answer that may never stop yielding


@dataclass(frozen=True)
class Outcome:
    """What a function did in one case: it returned a value or raised, and maybe changed inputs."""

    value: Any = None
    error: str = ""  # type and message
    where: str = ""  # the line of the function that raised
    stub: bool = False  # it raised the NotImplementedError of an untouched exercise
    changed: tuple[int, ...] = ()  # which arguments it changed in place, counted from 1


@dataclass(frozen=True)
class Mark:
    """The verdict, "passed", "not attempted" or "not right yet", and the reasons."""

    verdict: str
    details: tuple[str, ...] = ()


def run(exercise_id: str, function: Any) -> None:
    """Print whether the function solves the exercise: not attempted, passed, or what differs.

    Args:
        exercise_id: such as "01.1".
        function: the learner's function itself, not called.
    """
    try:
        exercise = find(exercise_id)
        mark = grade(exercise, function)
    except Exception as error:  # a check must not stop the notebook
        print(f"Exercise {exercise_id}: could not be checked. {type(error).__name__}: {error}")
        return
    print(f"Exercise {exercise.id} {mark.verdict}: {exercise.title}.")
    lines = [line for detail in mark.details for line in detail.splitlines()]
    for line in lines[:MAX_LINES]:
        print(f"  {line}")


def grade(exercise: Exercise, function: Any) -> Mark:
    """Compare the function with the reference in every case, then with the known mistakes."""
    if not callable(function):
        got = f"The check needs the function itself; got {describe(function)}."
        return Mark("not right yet", (got, "Give the function's name without calling it."))
    outcomes = try_cases(exercise, function)
    if any(outcome.stub for outcome in outcomes):
        return Mark("not attempted", ("Write the function above, run its cell, then this one.",))
    expected = try_cases(exercise, exercise.reference)
    wrong = first_difference(expected, outcomes, exercise.tolerance)
    if wrong is None:
        return Mark("passed")
    for mistake in exercise.mistakes:
        known = try_cases(exercise, mistake.function)
        if first_difference(known, outcomes, exercise.tolerance) is None:
            return Mark("not right yet", (f"Hint: {mistake.hint}",))
    called = ", ".join(map(describe, _cases(exercise)[wrong]))
    reasons = _reasons(expected[wrong], outcomes[wrong], exercise.tolerance)
    return Mark("not right yet", (f"In case {wrong + 1}, called with {called}:", *reasons))


def try_cases(exercise: Exercise, function: Callable[..., Any]) -> list[Outcome]:
    """What the function does in each case, with the same global random numbers every time."""
    with torch.random.fork_rng(devices=[]):
        calls, originals = _cases(exercise), _cases(exercise)
        return [
            _call(exercise, function, *pair) for pair in zip(calls, originals, strict=True)
        ]


def first_difference(left: list[Outcome], right: list[Outcome], tolerance: float) -> int | None:
    """The first case in which two functions do different things, or None."""
    for place, (one, other) in enumerate(zip(left, right, strict=True)):
        if (one.error, one.changed) != (other.error, other.changed):
            return place
        if difference(one.value, other.value, tolerance):
            return place
    return None


def _cases(exercise: Exercise) -> list[tuple[Any, ...]]:
    """Fresh arguments, equal on every call."""
    torch.manual_seed(0)
    return list(exercise.cases())


def _call(
    exercise: Exercise,
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    originals: tuple[Any, ...],
) -> Outcome:
    torch.manual_seed(1)
    try:
        value = exercise.probe(function, *arguments)
        if isinstance(value, Iterator):  # a generator runs only when it is asked
            value = Yielded(islice(value, MAX_YIELDS))
    except WrongAnswer as error:
        return Outcome(error=str(error))
    except Exception as error:
        where = _where(error.__traceback__, function)
        stub = isinstance(error, NotImplementedError) and (
            not where or "NotImplementedError" in where  # torch raises it too, elsewhere
        )
        return Outcome(
            None, f"it raised {type(error).__name__}: {shorten(str(error))}", where, stub
        )
    pairs = enumerate(zip(originals, arguments, strict=True), start=1)
    changed = tuple(number for number, (old, new) in pairs if difference(old, new, 0.0))
    return Outcome(value, changed=changed)


def _where(traceback: TracebackType | None, function: Callable[..., Any]) -> str:
    """The last line of the learner's own file that the exception passed through."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    line = ""
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if code is not None and file == code.co_filename != __file__:
            line = linecache.getline(file, traceback.tb_lineno).strip()
        traceback = traceback.tb_next
    return line


def _reasons(expected: Outcome, got: Outcome, tolerance: float) -> Iterator[str]:
    if got.error:
        yield got.error
        if got.where:
            yield f"in the line: {got.where}"
        return
    if found := difference(expected.value, got.value, tolerance):
        yield found
    for number in got.changed:
        yield f"it changed its argument {number} in place: work on a copy, such as x.clone()."
