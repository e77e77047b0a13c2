"""Time to quality: peers train for a budget, then ours climbs a ladder of budgets to their loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from frame.goals import Goal

BUDGET = 120.0  # CPU seconds of each peer
SEEDS = (0, 1, 2)  # the models were tuned on others, from 100 on
LADDER = (6.0, 9.0, 13.0, 20.0, 30.0, 45.0, 70.0, 100.0)


def race(
    goal_name: str,
    train: Callable[..., dict[str, Any]],
    names: Sequence[str],
    at_least: float,
    **quick: Any,
) -> tuple[Goal, dict[str, Any]]:
    """All of `names` on one seed for the whole budget, then ours for as long as it needs.

    Args:
        goal_name: of the goal.
        train: train(name=, seed=, budget=) -> a result with "rows", see `clock.train`.
        names: who trains for the whole budget; all but "ours" are peers.
        at_least: how many times faster than the best peer ours should be.
        quick: further arguments of `train` where only the loss is wanted.

    Returns:
        The goal, ours being the median of the seeds, and the details.
    """
    runs = {name: train(name=name, seed=SEEDS[0], budget=BUDGET) for name in names}
    peers = [name for name in names if name != "ours"]
    peer = min(peers, key=lambda name: runs[name]["rows"][-1][1])
    needed, target, _ = runs[peer]["rows"][-1]

    def ours(seed: int, start: float) -> tuple[float, float]:
        return climb(
            lambda budget: train(name="ours", seed=seed, budget=budget, **quick), target, start
        )

    reached = [ours(SEEDS[0], 0.0)]
    start = 0.7 * reached[0][0]  # the other seeds begin a rung or two below
    reached += [ours(seed, start) for seed in SEEDS[1:]]
    seconds = sorted(time for time, _ in reached)
    goal = Goal.lower(goal_name, seconds[len(seconds) // 2], needed, peer, at_least)
    return goal, {"runs": runs, "target": target, "ours_seconds": seconds, "ours_reached": reached}


def climb(
    train: Callable[[float], dict[str, Any]], target: float, start: float
) -> tuple[float, float]:
    """CPU seconds and loss on the first rung from `start` on that reaches the target.

    The seconds are infinite where none does; the loss is then that of the last rung.
    """
    loss = math.inf
    for budget in (rung for rung in LADDER if rung >= start):
        seconds, loss, _ = train(budget)["rows"][-1]
        if loss <= target:
            return seconds, loss
    return math.inf, loss
