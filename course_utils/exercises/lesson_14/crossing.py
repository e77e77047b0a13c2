"""Exercise 14.2: the size of an output at which one way becomes cheaper than the other."""

import math
from typing import Any

from course_utils.exercises import Exercise, Mistake
from course_utils.measure import crossing


def _plain(sizes: list[float], a: list[float], b: list[float]) -> float | None:
    """Straight lines of cost against size."""
    gap = [y - x for x, y in zip(a, b, strict=True)]
    for k in range(len(sizes)):
        if gap[k] == 0:
            return float(sizes[k])
        if k and gap[k - 1] * gap[k] < 0:
            share = gap[k - 1] / (gap[k - 1] - gap[k])
            return sizes[k - 1] + share * (sizes[k] - sizes[k - 1])
    return None


def _nearest(sizes: list[float], a: list[float], b: list[float]) -> float | None:
    """A size of the list."""
    found = crossing(sizes, a, b)
    return None if found is None else min(sizes, key=lambda size: abs(math.log(size / found)))


def _from_below(sizes: list[float], a: list[float], b: list[float]) -> float | None:
    """Only where b comes from above."""
    if b[0] <= a[0]:
        return None
    return crossing(sizes, a, b)


def _last(sizes: list[float], a: list[float], b: list[float]) -> float | None:
    """The last one."""
    return crossing(sizes[::-1], a[::-1], b[::-1])


def _to_the_edge(sizes: list[float], a: list[float], b: list[float]) -> float | None:
    """Never is taken for the largest size."""
    return crossing(sizes, a, b) or float(sizes[-1])


def cases() -> list[tuple[Any, ...]]:
    """Both directions, never, twice, at a point, at the first point, steep and flat."""
    sizes = [16.0, 64.0, 256.0, 1024.0]
    return [
        (sizes, [0.1, 0.4, 1.6, 6.4], [0.5, 0.8, 1.0, 2.0]),
        (sizes, [1.0, 1.1, 1.2, 1.5], [0.01, 0.3, 2.0, 40.0]),
        (sizes, [1.0, 2.0, 3.0, 4.0], [1.5, 2.5, 3.5, 4.5]),
        ([1.0, 10.0], [1.0, 100.0], [10.0, 10.0]),
        ([2.0, 4.0, 9.0], [1.0, 3.0, 5.0], [2.0, 3.0, 4.0]),
        ([2.0, 4.0], [7.0, 1.0], [7.0, 3.0]),
        ([8.0, 16.0, 32.0, 64.0, 128.0], [1.0, 5.0, 5.0, 5.0, 1.0], [2.0, 2.0, 9.0, 2.0, 2.0]),
    ]


CROSSING = Exercise(
    id="14.2",
    title="where two costs cross",
    reference=crossing,
    cases=cases,
    mistakes=[
        Mistake(
            "straight lines without logarithms",
            _plain,
            "You draw straight lines of the cost against the size. Both run over factors of "
            "hundreds: take the logarithm of both.",
        ),
        Mistake(
            "a size of the list",
            _nearest,
            "That is a size of the list. The lines cross between two of them.",
        ),
        Mistake(
            "one direction",
            _from_below,
            "You find a crossing only where b begins above a. It may begin below.",
        ),
        Mistake(
            "the last crossing",
            _last,
            "There are several crossings. Return the first, the smallest size.",
        ),
        Mistake(
            "never is the edge",
            _to_the_edge,
            "Lines that never cross have no crossing: return None.",
        ),
        Mistake(
            "always none",
            lambda sizes, a, b: None,
            "You say that no two of these lines ever cross.",
        ),
    ],
)
