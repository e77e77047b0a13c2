"""Exercise 15.3: a tool for the chooser."""

from typing import Any

from course_utils.exercises import Exercise, Mistake

Tools = dict[str, tuple[list[float], float]]


def choose(tools: Tools, need: float) -> str | None:
    """The cheapest tool that is good enough on every seed."""
    enough = {name: tool for name, tool in tools.items() if tool[0] and min(tool[0]) >= need}
    if not enough:
        return None
    return min(enough, key=lambda name: (enough[name][1], -min(enough[name][0]), name))


def _by(score: Any, tools: Tools, need: float, *, strict: bool = False) -> str | None:
    enough = {
        name: tool
        for name, tool in tools.items()
        if tool[0] and (score(tool[0]) > need if strict else score(tool[0]) >= need)
    }
    if not enough:
        return None
    return min(enough, key=lambda name: (enough[name][1], -min(enough[name][0]), name))


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def best(tools: Tools, need: float) -> str | None:
    """The best that is good enough, whatever it costs."""
    enough = {name: tool for name, tool in tools.items() if tool[0] and min(tool[0]) >= need}
    if not enough:
        return None
    return min(enough, key=lambda n: (-min(enough[n][0]), enough[n][1], n))


def always_one(tools: Tools, need: float) -> str | None:
    """The best of all if none is good enough."""
    chosen = choose(tools, need)
    known = [name for name in tools if tools[name][0]]
    return chosen or min(known, key=lambda n: (-min(tools[n][0]), n), default=None)


def unmeasured(tools: Tools, need: float) -> str | None:
    """Takes a tool without any score as good enough."""
    return choose({n: (s or [1.0], c) for n, (s, c) in tools.items()}, need)


def first_cheapest(tools: Tools, need: float) -> str | None:
    """Of equal cost the first in the list."""
    enough = {name: tool for name, tool in tools.items() if tool[0] and min(tool[0]) >= need}
    return min(enough, key=lambda name: enough[name][1], default=None)


def cases() -> list[tuple[Any, ...]]:
    """A lucky seed, equal cost, exactly enough, nobody, nothing measured, one tool."""
    tools: Tools = {
        "painter": ([0.95, 0.92, 0.97], 20.0),
        "writer": ([0.99, 0.99, 0.6], 9.0),
        "both": ([0.9, 0.91, 0.9], 29.0),
    }
    equal: Tools = {
        "slow": ([0.8, 0.8], 7.0),
        "old": ([0.7, 0.9], 4.0),
        "new": ([0.75, 0.75], 4.0),
    }
    return [
        (tools, 0.9),
        (tools, 0.93),
        (tools, 0.5),
        (tools, 0.98),
        (equal, 0.7),
        (equal, 0.76),
        ({"unknown": ([], 1.0), "known": ([0.9], 5.0)}, 0.8),
        ({"unknown": ([], 1.0)}, 0.0),
        ({}, 0.5),
        ({"b": ([0.6], 2.0), "a": ([0.6], 2.0)}, 0.6),
        ({"dear": ([0.5, 0.9], 3.0), "cheap": ([0.72, 0.2, 0.9, 1.0], 1.0)}, 0.45),
    ]


CHOOSING = Exercise(
    id="15.3",
    title="a tool for the chooser",
    reference=choose,
    cases=cases,
    mistakes=[
        Mistake(
            "the mean of seeds",
            lambda tools, need: _by(_mean, tools, need),
            "A mean hides a bad seed. Good enough means on every seed: take the lowest.",
        ),
        Mistake(
            "the luckiest seed",
            lambda tools, need: _by(max, tools, need),
            "You take the best seed of each tool. Who uses it may get the worst one.",
        ),
        Mistake(
            "more than enough",
            lambda tools, need: _by(min, tools, need, strict=True),
            "Exactly what is needed is enough.",
        ),
        Mistake(
            "the best", best, "You choose the best. The cheapest that is good enough was asked for."
        ),
        Mistake(
            "never none",
            always_one,
            "Where no tool is good enough the answer is None: neither is a choice, too.",
        ),
        Mistake(
            "unmeasured is good",
            unmeasured,
            "A tool without any score was not measured. It cannot be chosen.",
        ),
        Mistake(
            "the first of equal cost",
            first_cheapest,
            "Of tools of one cost take the one whose lowest seed is higher; then by name.",
        ),
    ],
)
