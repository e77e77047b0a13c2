"""Every exercise: the answer passes, the stub is seen, each mistake gets its own hint."""

import inspect
import linecache
import math
from collections import defaultdict
from itertools import combinations

import numpy as np
import pytest
import torch

from builder.exercise import stub_of
from builder.lesson import find_lessons, read_lesson
from course_utils import exercises
from course_utils.exercises.checks import grade
from course_utils.exercises.trial import first_difference, fresh_cases, try_cases

ALL = [exercise for lesson in exercises.lessons() for exercise in exercises.of_lesson(lesson)]
each_exercise = pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: exercise.id)


def test_ids_are_unique_and_belong_to_their_lesson():
    ids = [exercise.id for exercise in ALL]
    assert len(set(ids)) == len(ids)
    for lesson in exercises.lessons():
        for number, exercise in enumerate(exercises.of_lesson(lesson), start=1):
            assert exercise.id == f"{lesson}.{number}"
            assert exercises.find(exercise.id) is exercise


@each_exercise
def test_the_reference_passes(exercise):
    assert len(exercise.cases()) >= 1
    mark = grade(exercise, exercise.reference)
    assert mark.verdict == "passed", mark
    assert not any(outcome.error for outcome in try_cases(exercise, exercise.reference))


@each_exercise
def test_the_cases_differ_in_size(exercise):
    """A formula that holds only for the sizes of the page, or of one case, must not pass."""
    sizes = defaultdict(set)
    cases = fresh_cases(exercise)
    for arguments in cases:
        for place, value in enumerate(arguments):
            if isinstance(value, torch.Tensor | np.ndarray) and value.ndim:
                sizes[place].add(tuple(value.shape))
            elif isinstance(value, list | dict):
                sizes[place].add(len(value))
    assert len(cases) >= 2
    assert sizes, "no argument has a size"
    same = [place for place, seen in sizes.items() if len(seen) < 2]
    assert not same, f"argument {same[0] + 1} has the same size in every case"


def stub_function(source, file):
    """The function of an exercise cell as a learner gets it, with its source, as in a notebook."""
    source = "from __future__ import annotations\n" + source  # names of types are not looked up
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    page = {"torch": torch, "math": math}
    exec(compile(source, file, "exec"), page)
    return next(value for value in page.values() if inspect.isfunction(value))


def test_the_stubs_on_the_pages_are_not_attempted(root):
    """They hold nothing beside the raise, or an untouched one would read as begun."""
    cells = [cell for path in find_lessons(root) for cell in read_lesson(path).cells]
    stubs = {cell.exercise: stub_of(cell) for cell in cells if "exercise" in cell.tags}
    assert list(stubs) == [exercise.id for exercise in ALL]
    for name, source in stubs.items():
        function = stub_function(source, f"<exercise {name}>")
        assert grade(exercises.find(name), function).verdict == "not attempted", name


@each_exercise
def test_every_mistake_gets_its_own_hint(exercise):
    assert len(exercise.mistakes) >= 3
    assert len({mistake.hint for mistake in exercise.mistakes}) == len(exercise.mistakes)
    for mistake in exercise.mistakes:
        mark = grade(exercise, mistake.function)
        assert mark.verdict == "not right yet", mistake.name
        assert mark.details == (f"Hint: {mistake.hint}",), mistake.name


@each_exercise
def test_no_two_mistakes_are_the_same(exercise):
    outcomes = {
        mistake.name: try_cases(exercise, mistake.function) for mistake in exercise.mistakes
    }
    assert len(outcomes) == len(exercise.mistakes)
    for left, right in combinations(outcomes, 2):
        found = first_difference(outcomes[left], outcomes[right], exercise.tolerance)
        assert found is not None, f"{left!r} and {right!r} do the same"
