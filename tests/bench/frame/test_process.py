"""Work in a process of its own: the result comes back, a failure is told."""

import pytest
from frame.process import in_process


def test_the_result_comes_back_with_what_it_cost():
    found, cost = in_process("frame.machine", "threads", {})
    assert found == 1
    assert cost.cpu > 0
    assert cost.wall > 0


def test_a_failure_says_what_the_process_printed():
    with pytest.raises(RuntimeError, match=r"frame\.race\.climb should end with code 0"):
        in_process("frame.race", "climb", {})
