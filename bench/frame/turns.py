"""Several things measured in turn, or two at a time, so that a slow minute hits all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from joblib import cpu_count


def alternate(
    functions: Mapping[str, Callable[[], float]], rounds: int
) -> dict[str, dict[str, float]]:
    """Measure several things in turn, so that a slow minute of the machine hits all of them.

    Args:
        functions: name -> a function that measures once and returns the number.
        rounds: how often each is measured; every round starts with the next one.

    Returns:
        name -> "median", "min" and "max" of its numbers, and "wall": median seconds on the clock
        of one turn.
    """
    names = list(functions)
    found: dict[str, list[float]] = {name: [] for name in names}
    walls: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            start = time.perf_counter()
            found[name].append(functions[name]())
            walls[name].append(time.perf_counter() - start)
    return {
        name: {
            "median": statistics.median(row),
            "min": min(row),
            "max": max(row),
            "wall": statistics.median(walls[name]),
        }
        for name, row in found.items()
    }


def side_by_side(function: Callable[[str], Any], names: Sequence[str]) -> dict[str, Any]:
    """name -> function(name), two at a time where there are two cores; each starts processes.

    Every one of them shares the machine with the other, ours and peers alike.
    """
    with ThreadPoolExecutor(min(2, cpu_count())) as pool:
        return dict(zip(names, pool.map(function, names), strict=True))


class Same:
    """A stream whose every batch is the same one.

    Args:
        batch: what each step gets.
    """

    def __init__(self, batch: Any) -> None:
        self.batch = batch

    def __getitem__(self, step: int, /) -> Any:
        return self.batch
