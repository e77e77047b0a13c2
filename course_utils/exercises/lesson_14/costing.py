"""Exercise 14.1: the least time in which a text can be written, token after token, with a cache."""

from collections.abc import Callable
from typing import Any

from course_utils.exercises import Exercise, Mistake
from course_utils.measure import Machine, Sizes

Work = Callable[[int, int, int], tuple[float, float]]
Seconds = Callable[[float, float], float]


def text_seconds(sizes: list[int], batch: int, work: Work, seconds: Seconds) -> list[float]:
    """Pass k reads one new token and sees k."""
    return [sum(seconds(*work(1, k, batch)) for k in range(1, size + 1)) for size in sizes]


def _at_once(sizes: list[int], batch: int, work: Work, seconds: Seconds) -> list[float]:
    """Sums first and takes the larger one then."""
    found = []
    for size in sizes:
        passes = [work(1, k, batch) for k in range(1, size + 1)]
        found.append(seconds(sum(p[0] for p in passes), sum(p[1] for p in passes)))
    return found


def _passes(
    new: Callable[[int], int], *, whole: bool = False, first: int = 1
) -> Callable[..., Any]:
    """Passes that read other tokens, or see others."""

    def wrong(sizes: list[int], batch: int, work: Work, seconds: Seconds) -> list[float]:
        return [
            sum(
                seconds(*work(new(k), size if whole else k, batch))
                for k in range(first, size + first)
            )
            for size in sizes
        ]

    return wrong


def cases() -> list[tuple[Any, ...]]:
    """Machines that mind arithmetic, memory, and one that changes over during a text."""
    small, large = Sizes(5e3, 2, 16, 4), Sizes(2e5, 4, 64)
    slow, narrow = Machine("", 1e6, 1e9), Machine("", 1e12, 1e6)
    turning = Machine("", 2e6, 1e7)

    def odd(new: int, seen: int, batch: int) -> tuple[float, float]:
        """First arithmetic is the limit, later memory."""
        return 100.0 * batch * new, float(seen**2)

    return [
        ([1], 1, small.work, slow.seconds),
        ([8, 3], 1, small.work, narrow.seconds),
        ([5, 2, 7], 16, small.work, slow.seconds),
        ([12], 4, large.work, narrow.seconds),
        ([4, 20], 2, large.work, turning.seconds),
        ([30, 1, 10], 3, odd, Machine("", 1.0, 1.0).seconds),
    ]


COSTING = Exercise(
    id="14.1",
    title="the least time of a text",
    reference=text_seconds,
    cases=cases,
    mistakes=[
        Mistake(
            "the larger of the sums",
            _at_once,
            "You add up all passes and take the larger sum then. A pass waits for the slower of "
            "its own two; so take the seconds of each pass, and add those.",
        ),
        Mistake(
            "all passes see the whole text",
            _passes(lambda k: 1, whole=True),
            "Pass k sees k tokens, not all of them: the text grows.",
        ),
        Mistake(
            "without a cache",
            _passes(lambda k: k),
            "That reads the whole text anew in each pass. With a cache one token is new.",
        ),
        Mistake(
            "one pass",
            lambda sizes, batch, work, seconds: [seconds(*work(n, n, batch)) for n in sizes],
            "That is a single pass over all tokens. They are written one a pass.",
        ),
        Mistake(
            "from zero",
            _passes(lambda k: 1, first=0),
            "The first pass sees one token, itself; the last sees all. Count from 1.",
        ),
        Mistake(
            "texts one after the other",
            lambda sizes, batch, work, seconds: [
                batch * total for total in text_seconds(sizes, 1, work, seconds)
            ],
            "You write the texts one after the other. A pass serves all texts of the batch.",
        ),
        Mistake(
            "all sizes together",
            lambda sizes, batch, work, seconds: [sum(text_seconds(sizes, batch, work, seconds))],
            "That is one number. Return one for each size.",
        ),
    ],
)
