"""The frame of the benchmark: goals, turns, exponents, table and results; nothing is measured."""

import json

import clock
import common
import gpu
import growth
import pytest
import race
import report
import run
import torch

LOWER = common.Goal.lower("seconds", 2.0, 10.0, "peer", 5.0)
MISSED = common.Goal.lower("more seconds", 2.1, 10.0, "another", 5.0)


def test_a_goal_is_met_from_its_bound_on():
    assert (LOWER.ratio, LOWER.met, LOWER.goal) == (5.0, True, ">= 5")
    assert not MISSED.met
    assert common.Goal.higher("steps/s", 9.0, 10.0, "peer", 0.9).met
    assert not common.Goal.higher("steps/s", 8.9, 10.0, "peer", 0.9).met


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_no_ratio_without_two_values_above_0(value):
    with pytest.raises(ValueError, match="needs two values above 0"):
        common.Goal.lower("seconds", value, 1.0, "peer", 1.0)


def test_alternate_rotates_the_order_and_summarises():
    order = []

    def measured(name):
        order.append(name)
        return float(len(order))

    found = common.alternate({name: lambda name=name: measured(name) for name in "abc"}, 3)
    assert "".join(order) == "abcbcacab"
    assert found["a"].pop("wall") >= 0
    assert found["a"] == {"median": 6.0, "min": 1.0, "max": 8.0}


def test_the_machine_has_no_names():
    known = {"cpu", "cores", "memory_gb", "system", "python", "torch", "gpu"}
    assert set(common.machine()) == known


def test_training_is_timed_without_the_looks():
    spent = clock.train(lambda index, share: sum(range(20_000)), lambda: 0.5, 0.05, [0.02])
    assert [row[1] for row in spent] == [0.5, 0.5]
    assert 0.02 <= spent[0][0] < 0.05 <= spent[1][0]
    assert all(wall > 0 for _, _, wall in spent)


def test_race_climbs_to_the_loss_of_the_best_peer():
    asked = []

    def train(name, seed, budget, judged=True):
        asked.append((name, seed, budget, judged))
        loss = {"a": 0.5, "b": 0.4, "ours": (4.0 + seed) / budget}[name]
        return {"rows": [(budget, loss, budget)]}

    goal, found = race.race("seconds", train, ("a", "ours", "b"), 5.0, judged=False)
    assert asked[:3] == [(name, 0, 120.0, True) for name in ("a", "ours", "b")]
    assert asked[3:] == [
        ("ours", seed, budget, False)
        for seed, budgets in ((0, (6.0, 9.0, 13.0)), (1, (13.0,)), (2, (13.0, 20.0)))
        for budget in budgets
    ]
    assert found["ours_seconds"] == [13.0, 13.0, 20.0]
    assert (goal.ours, goal.best_peer, goal.peer, goal.met) == (13.0, 120.0, "b", True)


def test_a_target_that_is_never_reached_is_no_time():
    goal, _ = race.race(
        "seconds",
        lambda name, seed, budget: {"rows": [(budget, 0.5 if name == "a" else 0.6, budget)]},
        ("a",),
        5.0,
    )
    assert (goal.ours, goal.ratio, goal.met) == (float("inf"), 0.0, False)


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_exponent_of_a_power_law(power):
    sizes = (1, 2, 4, 8)
    costs = [3.0 * size**power for size in sizes]
    found = growth.fitted(sizes, costs, "ms", power)
    assert found["exponent"] == pytest.approx(power)
    assert found["upper_exponent"] == pytest.approx(power)


def results():
    first = run.merged({}, "text", {"goals": [MISSED], "details": {"ratios": {"peer": 4.76}}})
    return run.merged(
        first, "digits", {"goals": [LOWER], "details": {"kind": {"ratios": {"a": 2}}}}
    )


def test_a_section_run_again_replaces_only_itself():
    found = results()
    assert [goal["section"] for goal in found["goals"]] == ["digits", "text"]
    again = run.merged(found, "text", {"goals": [LOWER], "details": {}})
    assert [goal["met"] for goal in again["goals"]] == [True, True]
    assert again["details"] == {"digits": {"kind": {"ratios": {"a": 2}}}, "text": {}}


def test_results_of_another_machine_are_not_mixed(tmp_path):
    file = tmp_path / "results.json"
    assert run.read(file) == {}
    file.write_text(json.dumps(results()), encoding="utf-8")
    assert run.read(file) == results()
    file.write_text(json.dumps({**results(), "machine": {}}), encoding="utf-8")
    assert run.read(file) == {}


def test_table_has_every_goal_and_ratio():
    lines = report.table(results()).splitlines()
    assert lines[1].split() == ["seconds", "2", "10", "5.00", ">=", "5", "yes", "peer"]
    assert lines[2].split() == ["more", "seconds", "2.1", "10", "4.76", ">=", "5", "no", "another"]
    assert [line.split() for line in lines[5:7]] == [
        ["digits:", "kind,", "a", "2.00"],
        ["text:", "peer", "4.76"],
    ]
    assert lines[-1] == "1 of 2 goals is met."


def test_the_section_of_a_card_works_and_says_when_there_is_none(monkeypatch, capsys):
    monkeypatch.setattr(torch, "compile", lambda loss: loss)  # it would take a minute
    tiny = gpu.Sizes((8, 8, 8), 2, 8, 1, 1, 8, 16, 2, matrix=8, seconds=0.001)
    found = gpu.measure(torch.device("cpu"), tiny)
    assert found["GPT, tokens/s"]["compiled"]["speed"] > 0
    assert found["generation"]["tokens/s, batch 64"] > 0
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RuntimeError, match="needs a CUDA card"):
        gpu.measure_section()


def test_side_by_side_keeps_names():
    assert common.side_by_side(str.upper, ["a", "b", "c"]) == {"a": "A", "b": "B", "c": "C"}


def test_figure_is_drawn_with_and_without_growth(tmp_path):
    found = results()
    report.figure(found, tmp_path / "a.png")
    row = growth.fitted((8, 16), [1.0, 4.0], "ms", 2.0)
    found["details"]["growth"] = {"time": {"image side": row}}
    report.figure(found, tmp_path / "b.png")
    assert (tmp_path / "b.png").stat().st_size > (tmp_path / "a.png").stat().st_size


def test_a_goal_that_was_never_reached_is_drawn_and_written(tmp_path):
    never = common.Goal.lower("seconds", float("inf"), 10.0, "peer", 5.0)
    found = run.merged({}, "digits", {"goals": [never], "details": {}})
    report.figure(found, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 0
    assert report.table(found).splitlines()[1].split()[1:4] == ["inf", "10", "0.00"]
