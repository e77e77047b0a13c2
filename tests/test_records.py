import pytest

from course_utils.records import last


def test_last_returns_the_final_record():
    assert last(iter([1, 2, 3])) == 3


def test_last_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="make a new one"):
        last([])
