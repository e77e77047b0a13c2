"""Tables of answers to exercises, and what must be said of each."""

import pytest

from course_utils.exercises import find
from course_utils.exercises.checks import grade


def each(table):
    """(exercise, answer) of every row of a table exercise -> answers, with readable names."""
    return [
        pytest.param(exercise, answer, id=f"{exercise} {place} {getattr(answer, '__name__', '')}")
        for exercise, answers in table.items()
        for place, answer in enumerate(answers)
    ]


def require_passed(exercise, answer):
    """A right answer, in whatever style, passes."""
    mark = grade(find(exercise), answer)
    assert mark.verdict == "passed", mark.details


def require_refused(exercise, answer):
    """A wrong answer does not, and is told something."""
    mark = grade(find(exercise), answer)
    assert mark.verdict == "not right yet", mark
    assert mark.details
