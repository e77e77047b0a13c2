"""Goals: bounds of ratios, and intervals of differences against an independent formula."""

import math

import pytest
from frame.goals import Goal

LOWER = Goal.lower("seconds", 2.0, 10.0, "peer", 5.0)
MISSED = Goal.lower("more seconds", 2.1, 10.0, "another", 5.0)


def test_a_goal_is_met_from_its_bound_on():
    assert (LOWER.ratio, LOWER.met, LOWER.goal) == (5.0, True, ">= 5")
    assert not MISSED.met
    assert Goal.higher("steps/s", 9.0, 10.0, "peer", 0.9).met
    assert not Goal.higher("steps/s", 8.9, 10.0, "peer", 0.9).met


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_no_ratio_without_two_values_above_0(value):
    with pytest.raises(ValueError, match="needs two values above 0"):
        Goal.lower("seconds", value, 1.0, "peer", 1.0)


def test_a_difference_is_met_where_its_whole_interval_is_above_0():
    """Two samples of three with variance 1 and means 1 and 5: t = 2.776 at 4 degrees of freedom."""
    found = Goal.difference("distance", [0.0, 1.0, 2.0], [4.0, 5.0, 6.0], "peer")
    half = 2.7764451 * math.sqrt(1 / 3 + 1 / 3)
    assert found.interval == pytest.approx((4 - half, 4 + half))
    assert (found.ours, found.best_peer, found.ratio, found.met) == (1.0, 5.0, None, True)
    near = Goal.difference("distance", [0.0, 1.0, 2.0], [1.0, 2.0, 3.0], "peer")
    assert near.interval == pytest.approx((1 - half, 1 + half))
    assert not near.met


def test_a_distance_below_its_floor_is_no_error():
    found = Goal.difference("distance", [-0.01, 0.0, 0.01], [0.1, 0.11, 0.12], "peer")
    assert found.ours == pytest.approx(0)
    assert found.met


def test_no_interval_of_one_seed():
    with pytest.raises(ValueError, match="two seeds or more on each side; got 3 and 1"):
        Goal.difference("distance", [0.0, 1.0, 2.0], [4.0], "peer")
