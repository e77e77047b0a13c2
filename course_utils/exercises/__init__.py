"""The exercises as data: each lesson that has some has a module ``lesson_NN`` with ``EXERCISES``.

An example, the whole of a ``lesson_01.py`` with one exercise::

    import torch
    from torch import Tensor

    from course_utils.exercises import Exercise, Mistake


    def jump(x0: Tensor, eps: Tensor, alpha_bar: Tensor) -> Tensor:
        return alpha_bar.sqrt() * x0 + (1 - alpha_bar).sqrt() * eps


    def cases() -> list[tuple]:
        x0, eps = torch.randn(2, 5, 2).unbind()          # the global generator is seeded for you
        return [(x0, eps, torch.tensor(share)) for share in (0.9, 0.5, 0.1)]


    EXERCISES = [
        Exercise(
            id="01.1",
            title="jump to any noise level in one step",
            reference=jump,
            cases=cases,
            mistakes=[
                Mistake(
                    "no square root",
                    lambda x0, eps, alpha_bar: alpha_bar * x0 + (1 - alpha_bar) * eps,
                    "The variances add to one, not the factors: take square roots.",
                ),
                ...                                      # at least three
            ],
        ),
    ]

``tests/notebook/test_exercises.py`` holds every exercise to these rules: the reference passes, an
untouched stub is reported as not attempted, and each of at least three mistakes is rejected with
its own hint.
"""

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Mistake:
    """A likely wrong answer: its name, a function that makes it, the hint for whoever made it."""

    name: str
    function: Callable[..., Any]
    hint: str


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Args:
        id: lesson and number, such as "01.2".
        title: what the function does, in words that fit after "passed:".
        reference: the right answer. It returns tensors, numbers, strings, or lists, tuples, dicts
            and dataclasses of those; a generator is compared by what it yields.
        cases: makes the list of argument tuples, with fresh tensors on every call. The global
            random numbers are seeded for it, and for each call of a function.
        mistakes: at least three, each different from the others on at least one case.
        tolerance: relative and absolute, for floating point numbers.
    """

    id: str
    title: str
    reference: Callable[..., Any]
    cases: Callable[[], Sequence[tuple[Any, ...]]]
    mistakes: Sequence[Mistake]
    tolerance: float = 1e-4


def lessons() -> list[str]:
    """The numbers of the lessons that have exercises, such as ["01", "02"]."""
    names = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name.removeprefix("lesson_") for name in names if name.startswith("lesson_"))


def of_lesson(lesson: str) -> list[Exercise]:
    """The exercises of one lesson; its module is loaded on the first call."""
    module = importlib.import_module(f"{__name__}.lesson_{lesson}")
    return list(module.EXERCISES)


def find(exercise_id: str) -> Exercise:
    """The exercise of that id.

    Raises:
        ValueError: there is none; the message lists the ones that the lesson has.
    """
    lesson = str(exercise_id).partition(".")[0]
    known = of_lesson(lesson) if lesson in lessons() else []
    for exercise in known:
        if exercise.id == exercise_id:
            return exercise
    offer = ", ".join(exercise.id for exercise in known) or "no exercises"
    raise ValueError(f"There is no exercise {exercise_id!r}; lesson {lesson} has {offer}.")
