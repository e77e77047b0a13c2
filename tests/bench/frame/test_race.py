"""The race, with trainings that are formulas."""

from frame.race import level, race


def test_race_climbs_to_the_loss_of_the_best_peer():
    asked = []

    def train(name, seed, budget, judged=True):
        asked.append((name, seed, budget, judged))
        loss = {"a": 0.5, "b": 0.4, "ours": (4.0 + seed) / budget}[name]
        return {"rows": [(budget, loss, budget)]}

    goal, found = race("seconds", train, ("a", "ours", "b"), 5.0, judged=False)
    assert asked[:3] == [(name, 0, 120.0, True) for name in ("a", "ours", "b")]
    assert asked[3:] == [
        ("ours", seed, budget, False)
        for seed, budgets in ((0, (6.0, 9.0, 13.0)), (1, (13.0,)), (2, (13.0, 20.0)))
        for budget in budgets
    ]
    assert found["ours_seconds"] == [13.0, 13.0, 20.0]
    assert (goal.ours, goal.best_peer, goal.peer, goal.met) == (13.0, 120.0, "b", True)


def test_a_target_that_is_never_reached_is_no_time():
    goal, _ = race(
        "seconds",
        lambda name, seed, budget: {"rows": [(budget, 0.5 if name == "a" else 0.6, budget)]},
        ("a",),
        5.0,
    )
    assert (goal.ours, goal.ratio, goal.met) == (float("inf"), 0.0, False)


def test_on_level_ground_the_first_climbs_on_all_seeds_and_the_rest_on_one():
    asked = []

    def train(name, seed, budget, judged=True):
        asked.append((name, seed, budget, judged))
        loss = {"a": 8.0, "b": 12.0, "c": 1000.0}[name] / budget + 0.01 * seed
        return {"rows": [(budget, loss, budget)]}

    goal, found = level("seconds", train, ("b", "a", "c"), 0.4, (13.0, 9.0, 9.0), 3.0, judged=False)
    assert found["reached"]["a"] == [(20.0, 0.4), (30.0, 8 / 30 + 0.01), (30.0, 8 / 30 + 0.02)]
    assert found["reached"]["b"] == [(30.0, 0.4)]
    assert found["reached"]["c"] == [(float("inf"), 10.0)]
    assert {judged for *_, judged in asked} == {False}
    assert (goal.ours, goal.best_peer, goal.peer) == (9.0, 30.0, "a")
    assert (goal.ratio, goal.goal, goal.met) == (30 / 9, ">= 3", True)
