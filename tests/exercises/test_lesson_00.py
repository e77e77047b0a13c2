"""Lesson 00's check: right answers of any style pass, wrong ones do not."""

from collections import deque

import pytest
from answering import each, require_passed, require_refused

from course_utils.records import last


def by_unpacking(steps):
    *_, final = steps
    return final.calls


def by_maximum(steps):
    return max(step.calls for step in steps)


def first(steps):
    return next(iter(steps)).calls


def early(steps):
    for step in steps:
        return step.calls


RIGHT = {
    "00.1": [
        by_unpacking,
        by_maximum,
        lambda steps: list(steps)[-1].calls,
        lambda steps: deque(steps, maxlen=1)[0].calls,
        lambda steps: last(steps).calls,
    ]
}
WRONG = {
    "00.1": [
        first,
        early,
        lambda steps: 40,
        lambda steps: len(steps),
        lambda steps: steps[-1].calls,
        lambda steps: [step.calls for step in steps],
    ]
}


@pytest.mark.parametrize(("exercise", "answer"), each(RIGHT))
def test_right_answers_of_other_styles_pass(exercise, answer):
    require_passed(exercise, answer)


@pytest.mark.parametrize(("exercise", "answer"), each(WRONG))
def test_wrong_answers_do_not(exercise, answer):
    require_refused(exercise, answer)
