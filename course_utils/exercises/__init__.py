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

What is compared is ``function(*arguments)``, unless the exercise has a ``probe``. Where a gradient
must flow, the probe returns it beside the loss; the case brings the weight that must receive it::

    def loss_and_gradient(noise_loss, net, x0, eps):
        loss = noise_loss(net, x0, eps)
        return loss, gradient(loss, net.weight)          # refuses a loss that went through .item()

    Exercise(id="02.2", ..., reference=noise_loss, probe=loss_and_gradient)

``tests/exercises/test_exercises.py`` holds every exercise to these rules: the reference passes, an
untouched stub is reported as not attempted, each of at least three mistakes is rejected with its
own hint, and the cases differ in size.
"""

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


class WrongAnswer(Exception):
    """What a probe raises when an answer cannot be right; the learner reads the message."""


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """The usual probe: what the function returns for the arguments of a case."""
    return function(*arguments)


def gradient(loss: Any, weight: Tensor) -> Tensor:
    """The gradient of a learner's loss by a weight, for a probe.

    Args:
        loss: () what the learner's function returned.
        weight: (...) a tensor that requires a gradient, made by the case.

    Returns:
        (...) d loss / d weight; zeros if the loss does not depend on the weight.

    Raises:
        WrongAnswer: no gradient flows from the loss, as after ``.item()``.
    """
    if loss is None:
        raise WrongAnswer("it returned nothing: did you forget return?")
    if not isinstance(loss, Tensor):
        raise WrongAnswer(
            f"it returned a {type(loss).__name__}. A loss that trains is a tensor: leave out "
            ".item(), float() and .numpy()."
        )
    if not loss.requires_grad:
        raise WrongAnswer(
            "no gradient flows from the loss, so that nothing could be trained: leave out "
            "torch.no_grad(), .detach(), .data and torch.tensor(...)."
        )
    if loss.numel() != 1:
        raise WrongAnswer(f"a loss is one number; this one has shape {tuple(loss.shape)}.")
    (found,) = torch.autograd.grad(loss.sum(), weight, retain_graph=True, allow_unused=True)
    return torch.zeros_like(weight) if found is None else found


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
        probe: makes what is compared, ``probe(function, *arguments)``; the function is the
            learner's, the reference or a mistake. It may raise `WrongAnswer`.
    """

    id: str
    title: str
    reference: Callable[..., Any]
    cases: Callable[[], Sequence[tuple[Any, ...]]]
    mistakes: Sequence[Mistake]
    tolerance: float = 1e-4
    probe: Callable[..., Any] = call


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
