"""CPU seconds of training, without those of looking at it: the clock of all time to quality."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable


class Clock:
    """Runs while the block is open: CPU seconds of the process, and `wall` on the clock."""

    def __init__(self) -> None:
        self.seconds = self.wall = 0.0

    def __enter__(self) -> Clock:
        self._start, self._wall_start = time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds += time.process_time() - self._start
        self.wall += time.perf_counter() - self._wall_start


def train(
    step: Callable[[int, float], None],
    look: Callable[[], float],
    budget: float,
    looks: Iterable[float],
) -> list[tuple[float, float, float]]:
    """Train for `budget` CPU seconds and look at the loss on the way.

    Args:
        step: step(index, share of the budget that is spent) trains once.
        look: the validation loss now; its time does not count.
        budget: CPU seconds.
        looks: after which CPU seconds to look, rising; the end is looked at in any case.

    Returns:
        Rows (CPU seconds, validation loss, seconds on the clock).
    """
    clock, index, rows = Clock(), 0, []
    for mark in (*looks, budget):
        while clock.seconds < mark:
            with clock:
                step(index, clock.seconds / budget)
            index += 1
        rows.append((clock.seconds, look(), clock.wall))
    return rows
