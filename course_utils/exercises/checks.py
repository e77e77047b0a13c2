"""Marks a learner's function: ``checks.run("01.1", jump)`` reports, raises nothing, and ends."""

import contextlib
import functools
import inspect
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from course_utils import marks
from course_utils.exercises import Exercise, call, find
from course_utils.exercises.compare import difference
from course_utils.exercises.show import describe
from course_utils.exercises.source import line_reached, raising_line
from course_utils.exercises.trial import Outcome, first_difference, fresh_cases, try_cases

SECONDS = 10.0  # on the clock, for the learner's function in all cases together
MAX_LINES = 6  # of detail under the verdict
NOT_BY_PLACE = (
    inspect.Parameter.VAR_POSITIONAL,
    inspect.Parameter.KEYWORD_ONLY,
    inspect.Parameter.VAR_KEYWORD,
)
COPIES = {list: "list({})", dict: "dict({})", torch.Tensor: "{}.clone()", np.ndarray: "{}.copy()"}
ADVICE = {  # for what an error says: what it often comes from
    "it was stopped after": "Does every round of the loop come nearer to its end?",
    "it raised RecursionError": "It calls itself without end: for which input does it stop?",
    "must match the size of tensor": "An axis that sum or mean took away stays with keepdim=True; "
    "x[:, None] adds one.",
}


@dataclass(frozen=True)
class Mark:
    """The verdict, "passed", "not attempted" or "not right yet", and the reasons."""

    verdict: str
    details: tuple[str, ...] = ()


def run(exercise_id: str, function: Any) -> None:
    """Print whether the function solves the exercise: not attempted, passed, or what differs.

    A function that does not end is stopped after ten seconds. The stop button of the notebook
    works before that, and stops the cell as it does everywhere.

    Args:
        exercise_id: such as "01.1".
        function: the learner's function itself, not called.
    """
    try:
        exercise = find(exercise_id)
        mark = grade(exercise, function)
    except KeyboardInterrupt as stop:
        where = line_reached(stop, function, loop=True)
        place = f" in the line: {where}" if where else "."
        print(f"Exercise {exercise_id}: you stopped the check{place}")
        raise
    except Exception as error:  # a check must not stop the notebook
        print(f"Exercise {exercise_id}: could not be checked. {type(error).__name__}: {error}")
        return
    print(f"Exercise {exercise.id} {mark.verdict}: {exercise.title}.")
    marks.record(exercise.id, mark.verdict)
    lines = [line for detail in mark.details for line in detail.splitlines()]
    for line in lines[:MAX_LINES]:
        print(f"  {line}")


def grade(exercise: Exercise, function: Any) -> Mark:
    """Compare the function with the reference in every case, then with the known mistakes."""
    if not callable(function):
        got = f"The check needs the function itself; got {describe(function)}."
        return Mark("not right yet", (got, "Give the function's name without calling it."))
    outcomes = try_cases(exercise, function, SECONDS)
    if any(outcome.stub for outcome in outcomes):
        return _stub(function)
    expected = try_cases(exercise, exercise.reference)
    wrong = first_difference(expected, outcomes, exercise.tolerance)
    if wrong is None:
        return Mark("passed")
    for mistake in exercise.mistakes:
        known = try_cases(exercise, mistake.function)
        if first_difference(known, outcomes, exercise.tolerance) is None:
            return Mark("not right yet", (f"Hint: {mistake.hint}",))
    case = fresh_cases(exercise)[wrong]
    arguments = dict(zip(_names(exercise, function, len(case)), case, strict=False))
    called = ", ".join(f"{name} = {describe(value)}" for name, value in arguments.items())
    reasons = list(_reasons(expected[wrong], outcomes[wrong], arguments, exercise.tolerance))
    if not outcomes[wrong].error and _draws_its_own(exercise, function):
        noise = next((name for name in arguments if name in ("eps", "noise", "z")), "what is given")
        reasons.append("it gives another answer each time it is called: does it draw its own ")
        reasons[-1] += f"random numbers instead of using {noise}?"
    return Mark("not right yet", (f"In case {wrong + 1}, called with {called}:", *reasons))


def _stub(function: Callable[..., Any]) -> Mark:
    """A stub that raised: untouched, or with code of the learner's beside the line that raises."""
    line, above, below = raising_line(function)
    if not (above or below):
        return Mark("not attempted", ("Write the function above, run its cell, then this one.",))
    why = "What you wrote below it never runs." if below else "It stops what you wrote above it."
    return Mark("not right yet", (f"Delete this line: {line}", why))


def _names(exercise: Exercise, function: Callable[..., Any], count: int) -> list[str]:
    """Names for the arguments of a case: the probe's, the learner's, the reference's, numbers."""
    probe = () if exercise.probe is call else (functools.partial(exercise.probe, function),)
    for candidate in (*probe, function, exercise.reference):
        with contextlib.suppress(TypeError, ValueError):  # what is written in C may have none
            parameters = inspect.signature(candidate).parameters.values()
            names = [one.name for one in parameters if one.kind not in NOT_BY_PLACE]
            if len(names) >= count:
                return names
    return [f"argument {number}" for number in range(1, count + 1)]


def _draws_its_own(exercise: Exercise, function: Callable[..., Any]) -> bool:
    """Whether the answer hangs on random numbers, where that of the reference does not."""

    def changes(candidate: Callable[..., Any], seconds: float | None) -> bool:
        one, other = (try_cases(exercise, candidate, seconds, seed) for seed in (1, 2))
        return first_difference(one, other, exercise.tolerance) is not None

    with contextlib.redirect_stdout(io.StringIO()):  # what it prints was seen once
        return changes(function, SECONDS) and not changes(exercise.reference, None)


def _reasons(
    expected: Outcome, got: Outcome, arguments: dict[str, Any], tolerance: float
) -> Iterator[str]:
    if got.error:
        yield got.error
        if got.where:
            yield f"in the line: {got.where}"
        yield from (advice for words, advice in ADVICE.items() if words in got.error)
        return
    if found := difference(expected.value, got.value, tolerance):
        yield found
    for place in got.changed:
        name, value = list(arguments.items())[place]
        copy = next((how for kind, how in COPIES.items() if isinstance(value, kind)), "")
        example = f", such as {copy.format(name)}" if copy else ""
        yield f"it changed its argument {name} in place: work on a copy{example}."
