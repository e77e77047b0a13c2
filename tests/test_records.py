import pytest

from course_utils.records import last


def test_last_returns_the_final_record():
    assert last(iter([1, 2, 3])) == 3


def test_last_of_nothing_says_that_an_iterator_lasts_once():
    steps = iter([1, 2, 3])
    last(steps)
    for empty in (steps, []):
        with pytest.raises(ValueError, match="used up by the first loop.*keep its steps in a list"):
            last(empty)
