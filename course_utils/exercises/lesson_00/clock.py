"""Exercise 00.1: the calls that a sampler has made."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from course_utils.exercises import Exercise, Mistake, WrongAnswer


def total_calls(steps: Iterable[Any]) -> int:
    """Those of the last step."""
    calls = 0
    for step in steps:
        calls = step.calls
    return calls


def run_once(function: Any, calls: list[int]) -> Any:
    """The answer for a generator of steps with these calls, which can be run through only once."""
    steps = (SimpleNamespace(calls=number, t=1 - number / calls[-1]) for number in calls)
    try:
        answer = function(steps)
    except TypeError as error:
        if "generator" not in str(error):
            raise
        raise WrongAnswer(
            f"{error}. Steps come one after the other: run through them by for step in steps."
        ) from error
    if next(steps, None) is not None:
        raise WrongAnswer("it stopped before the last step. The return stands after the loop.")
    return answer


def cases() -> list[tuple[Any, ...]]:
    """One step, many, two calls a step and a last one that calls once, counts that begin later."""
    counts = [
        [1],
        [*range(1, 41)],
        [*range(2, 21, 2)],
        [2, 4, 6, 7],
        [5, 10, 30],
        [*range(3, 12)],
    ]
    return [(calls,) for calls in counts]


CLOCK = Exercise(
    id="00.1",
    title="the calls of the last step",
    reference=total_calls,
    cases=cases,
    probe=run_once,
    mistakes=[
        Mistake(
            "the number of steps",
            lambda steps: len(list(steps)),
            "You counted the steps. A step may cost two calls: read step.calls.",
        ),
        Mistake(
            "the sum",
            lambda steps: sum(step.calls for step in steps),
            "You added them up. calls already counts from the beginning: the last one is all.",
        ),
        Mistake(
            "one too many",
            lambda steps: total_calls(steps) + 1,
            "It is one too many: calls counts from 1.",
        ),
        Mistake(
            "one too few",
            lambda steps: total_calls(steps) - 1,
            "It is one too few: calls counts from 1.",
        ),
        Mistake(
            "the step itself",
            lambda steps: list(steps)[-1],
            "That is the last step. Its number of calls is asked for: step.calls.",
        ),
        Mistake(
            "nothing",
            lambda steps: [step.calls for step in steps] and None,
            "It returns nothing: end with return calls.",
        ),
    ],
)
