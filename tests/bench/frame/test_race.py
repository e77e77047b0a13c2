"""The race, with trainings that are formulas."""

from frame.race import race


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
