"""Time to quality: peers train for a budget, then ours climbs a ladder of budgets to their loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import median
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

    reached = on_all_seeds("ours", train, target, **quick)
    seconds = [time for time, _ in reached]
    goal = Goal.lower(goal_name, median(seconds), needed, peer, at_least)
    details = {"runs": runs, "target": target, "ours_reached": reached}
    return goal, details | {"ours_seconds": sorted(seconds)}


def level(
    goal_name: str,
    train: Callable[..., dict[str, Any]],
    names: Sequence[str],
    target: float,
    ours: Sequence[float],
    at_least: float,
    **quick: Any,
) -> tuple[Goal, dict[str, Any]]:
    """A race on level ground: each of `names` climbs to the target that ours has climbed to.

    Args:
        goal_name: of the goal.
        train: as for `race`.
        names: who climbs, on one seed each, and the first of them on all, as ours did.
        target: the loss to reach.
        ours: seconds of ours, one a seed.
        at_least: how many times faster than the first in this race ours should be.
        quick: as for `race`.

    Returns:
        The goal, medians of the seeds on both sides, and name -> (seconds, loss) of each seed.
    """
    reached = {name: [on_seed(name, SEEDS[0], train, target, 0.0, **quick)] for name in names}
    first = min(reached, key=lambda name: reached[name][0])
    reached[first] = on_all_seeds(first, train, target, reached[first][0], **quick)
    seconds = median(time for time, _ in reached[first])
    return Goal.lower(goal_name, median(ours), seconds, first, at_least), {"reached": reached}


def on_all_seeds(
    name: str,
    train: Callable[..., dict[str, Any]],
    target: float,
    known: tuple[float, float] | None = None,
    **quick: Any,
) -> list[tuple[float, float]]:
    """(seconds, loss) of each seed; `known` is that of the first one, if it has climbed already."""
    first = known or on_seed(name, SEEDS[0], train, target, 0.0, **quick)
    start = 0.7 * first[0]  # the other seeds begin a rung or two below
    return [first, *(on_seed(name, seed, train, target, start, **quick) for seed in SEEDS[1:])]


def on_seed(
    name: str,
    seed: int,
    train: Callable[..., dict[str, Any]],
    target: float,
    start: float,
    **quick: Any,
) -> tuple[float, float]:
    """Seconds and loss of one climb."""
    return climb(lambda budget: train(name=name, seed=seed, budget=budget, **quick), target, start)


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
