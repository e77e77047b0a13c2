"""Every exercise: the answer passes, the stub is seen, each mistake gets its own hint."""

from itertools import combinations

import pytest

from course_utils import exercises
from course_utils.exercises.checks import first_difference, grade, try_cases

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
def test_an_untouched_stub_is_not_attempted(exercise):
    def stub(*arguments):
        raise NotImplementedError(f"Exercise {exercise.id}")

    assert grade(exercise, stub).verdict == "not attempted"


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
