"""The table and the figure of results that are made up."""

from frame import report
from frame.goals import Goal
from frame.results import merged
from sections import growth


def test_table_has_every_goal_and_ratio(measured):
    lines = report.table(measured).splitlines()
    assert lines[1].split() == ["seconds", "2", "10", "5.00", ">=", "5", "yes", "peer"]
    assert lines[2].split() == ["more", "seconds", "2.1", "10", "4.76", ">=", "5", "no", "another"]
    assert [line.split() for line in lines[5:7]] == [
        ["digits:", "kind,", "a", "2.00"],
        ["text:", "peer", "4.76"],
    ]
    assert lines[-1] == "1 of 2 goals is met."


def test_figure_is_drawn_with_and_without_growth(measured, tmp_path):
    found = measured
    report.figure(found, tmp_path / "a.png")
    row = growth.fitted((8, 16), [1.0, 4.0], "ms", 2.0)
    found["details"]["growth"] = {"time": {"image side": row}}
    report.figure(found, tmp_path / "b.png")
    assert (tmp_path / "b.png").stat().st_size > (tmp_path / "a.png").stat().st_size


def test_a_goal_that_was_never_reached_is_drawn_and_written(tmp_path):
    never = Goal.lower("seconds", float("inf"), 10.0, "peer", 5.0)
    found = merged({}, "digits", {"goals": [never], "details": {}}, ("digits",))
    report.figure(found, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 0
    assert report.table(found).splitlines()[1].split()[1:4] == ["inf", "10", "0.00"]


def test_a_difference_is_shown_by_its_interval_and_draws_no_bar(measured, tmp_path):
    apart = Goal.difference("distance", [0.0, 1.0, 2.0], [4.0, 5.0, 6.0], "peer")
    found = merged(measured, "text", {"goals": [apart], "details": {}}, ("digits", "text"))
    line = report.table(found).splitlines()[2]
    assert line.split() == ["distance", "1", "5", "+1.7", "to", "+6.3", ">", "0", "yes", "peer"]
    report.figure(found, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
