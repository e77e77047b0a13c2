"""Exercise 14.3: a row of the bench: a number, its range over seeds, its control, how far apart."""

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Mistake, WrongAnswer

Make = Callable[[int], Tensor]
Instrument = Callable[[Tensor], float]
KEYS = ("mean", "low", "high", "control", "apart")


def bench_row(
    make: Make, control: Make, instrument: Instrument, seeds: Sequence[int]
) -> dict[str, float]:
    """Both sides on the same seeds, each seed a run of its own."""
    ours = [float(instrument(make(seed))) for seed in seeds]
    theirs = [float(instrument(control(seed))) for seed in seeds]
    return _row(ours, theirs)


def _row(
    ours: list[float], theirs: list[float], spread: Any = statistics.stdev
) -> dict[str, float]:
    scatter = max(spread(ours), spread(theirs))
    gap = abs(statistics.mean(ours) - statistics.mean(theirs))
    apart = gap / scatter if scatter else (math.inf if gap else 0.0)
    return {
        "mean": statistics.mean(ours),
        "low": min(ours),
        "high": max(ours),
        "control": statistics.mean(theirs),
        "apart": apart,
    }


def _changed(**parts: Callable[[list[float], list[float]], float]) -> Callable[..., Any]:
    """The right row, but for some parts."""

    def wrong(make: Make, control: Make, instrument: Instrument, seeds: Sequence[int]) -> Any:
        ours = [float(instrument(make(seed))) for seed in seeds]
        theirs = [float(instrument(control(seed))) for seed in seeds]
        return _row(ours, theirs) | {key: part(ours, theirs) for key, part in parts.items()}

    return wrong


def _first_seed(make: Make, control: Make, instrument: Instrument, seeds: Sequence[int]) -> Any:
    """The control is run on one seed."""
    ours = [float(instrument(make(seed))) for seed in seeds]
    theirs = [float(instrument(control(seeds[0])))] * len(seeds)
    return _row(ours, theirs)


def _counted(make: Make, control: Make, instrument: Instrument, seeds: Sequence[int]) -> Any:
    """The seeds are not those that were named."""
    return bench_row(make, control, instrument, range(len(seeds)))


def _by_population(make: Make, control: Make, instrument: Instrument, seeds: Sequence[int]) -> Any:
    ours = [float(instrument(make(seed))) for seed in seeds]
    theirs = [float(instrument(control(seed))) for seed in seeds]
    return _row(ours, theirs, statistics.pstdev)


def compared(function: Any, *arguments: Any) -> Any:
    """The five numbers, in their order; runs are counted, so that none is made twice."""
    make, control, instrument, seeds = arguments
    runs: list[int] = []

    def counted(seed: int) -> Tensor:
        runs.append(seed)
        return make(seed)

    answer = function(counted, control, instrument, seeds)
    if not isinstance(answer, dict):
        return answer
    if missing := [key for key in KEYS if key not in answer]:
        raise WrongAnswer(f"the row lacks {missing[0]!r}; it has {', '.join(map(str, answer))}.")
    if len(runs) > len(seeds):
        raise WrongAnswer(
            f"make was called {len(runs)} times for {len(seeds)} seeds. A run may take minutes: "
            "call it once a seed and keep the number."
        )
    return [float(answer[key]) for key in KEYS]


def cases() -> list[tuple[Any, ...]]:
    """Above and below the control, without scatter, equal, negative, seeds that are no 0, 1, 2."""

    def around(centre: float, spread: float) -> Make:
        def run(seed: int) -> Tensor:
            generator = torch.Generator().manual_seed(seed)
            return centre + spread * torch.randn(5, generator=generator)

        return run

    def mean(values: Tensor) -> float:
        return values.mean().item()

    def largest(values: Tensor) -> Tensor:
        return values.max()

    return [
        (around(0.9, 0.1), around(0.1, 0.3), mean, [0, 1, 2]),
        (around(-2.0, 1.0), around(3.0, 0.2), mean, [5, 3, 11, 7]),
        (around(1.0, 0.0), around(0.5, 0.0), mean, [0, 1, 2]),
        (around(1.0, 0.0), around(1.0, 0.0), largest, [4, 9]),
        (around(10.0, 2.0), around(10.0, 0.1), largest, [100, 2, 31, 8, 77]),
    ]


ROW = Exercise(
    id="14.3",
    title="a row of the bench",
    reference=bench_row,
    cases=cases,
    probe=compared,
    mistakes=[
        Mistake(
            "the control has one seed",
            _first_seed,
            "Your control was run on one seed. It needs the same seeds: its scatter counts, too.",
        ),
        Mistake(
            "other seeds",
            _counted,
            "The seeds are 0, 1, 2, ... in yours. Take those that were named.",
        ),
        Mistake(
            "scatter of a whole population",
            _by_population,
            "You divide by the number of seeds inside the standard deviation. A few seeds are a "
            "sample: divide by one less.",
        ),
        Mistake(
            "the scatter of one side",
            _changed(
                apart=lambda ours, theirs: (
                    abs(statistics.mean(ours) - statistics.mean(theirs))
                    / (statistics.stdev(ours) or 1.0)
                )
            ),
            "You take the scatter of one side. Take the larger of the two.",
        ),
        Mistake(
            "a sign",
            _changed(
                apart=lambda ours, theirs: math.copysign(
                    _row(ours, theirs)["apart"], statistics.mean(ours) - statistics.mean(theirs)
                )
            ),
            "How far apart they are has no sign: the control may be the larger.",
        ),
        Mistake(
            "the gap itself",
            _changed(
                apart=lambda ours, theirs: abs(statistics.mean(ours) - statistics.mean(theirs))
            ),
            "apart counts in scatters: divide the gap by the larger standard deviation.",
        ),
        Mistake(
            "without scatter is zero",
            _changed(
                apart=lambda ours, theirs: (
                    _row(ours, theirs)["apart"]
                    if max(statistics.stdev(ours), statistics.stdev(theirs))
                    else 0.0
                )
            ),
            "Where nothing scatters, two different means are infinitely many scatters apart.",
        ),
        Mistake(
            "a range of one scatter",
            _changed(
                low=lambda ours, theirs: statistics.mean(ours) - statistics.stdev(ours),
                high=lambda ours, theirs: statistics.mean(ours) + statistics.stdev(ours),
            ),
            "low and high are the smallest and the largest of the seeds, not one scatter around "
            "the mean.",
        ),
    ],
)
