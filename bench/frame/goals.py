"""Comparisons with a bound: how many times better, or by how much, and whether that is enough."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import mean
from typing import Any

from scipy.stats import ttest_ind  # scikit-learn, which mlxtend needs, brings it


@dataclass(frozen=True)
class Goal:
    """One comparison and whether it is met: how many times better ours is, or by how much.

    Attributes:
        name: what is measured, with its unit.
        ours: our value.
        best_peer: the value of the best peer, or of what ours is held against.
        peer: who that is.
        ratio: above 1 where ours is better; None where a difference is compared.
        goal: the bound, such as ">= 5".
        met: whether it is reached.
        interval: of the difference, theirs - ours; None where a ratio is compared.
    """

    name: str
    ours: float
    best_peer: float
    peer: str
    ratio: float | None
    goal: str
    met: bool
    interval: tuple[float, float] | None = None

    def row(self) -> dict[str, Any]:
        """The goal as results.json holds it."""
        return asdict(self)

    @classmethod
    def lower(cls, name: str, ours: float, best_peer: float, peer: str, at_least: float) -> Goal:
        """A goal for what should be small, such as seconds: ratio = best_peer / ours.

        Raises:
            ValueError: a value is not above 0.
        """
        return cls._of(name, ours, best_peer, peer, at_least, lower=True)

    @classmethod
    def higher(cls, name: str, ours: float, best_peer: float, peer: str, at_least: float) -> Goal:
        """A goal for what should be large, such as steps a second: ratio = ours / best_peer.

        Raises:
            ValueError: a value is not above 0.
        """
        return cls._of(name, ours, best_peer, peer, at_least, lower=False)

    @classmethod
    def difference(cls, name: str, ours: list[float], theirs: list[float], peer: str) -> Goal:
        """A goal for what may be near 0 and strays, such as a distance without its floor.

        Two means of a few seeds each, and the 95 % interval of their difference (Welch's t). It is
        met where the whole interval of theirs - ours lies above 0: where ours is surely smaller.

        Raises:
            ValueError: less than two numbers on a side.
        """
        if min(len(ours), len(theirs)) < 2:
            raise ValueError(
                f"{name}: an interval needs two seeds or more on each side; "
                f"got {len(ours)} and {len(theirs)}."
            )
        found = ttest_ind(theirs, ours, equal_var=False).confidence_interval(0.95)
        low, high = float(found.low), float(found.high)
        return cls(name, mean(ours), mean(theirs), peer, None, "> 0", low > 0, (low, high))

    @classmethod
    def _of(
        cls, name: str, ours: float, best: float, peer: str, at_least: float, *, lower: bool
    ) -> Goal:
        if not (ours > 0 and best > 0):
            raise ValueError(
                f"{name}: a ratio needs two values above 0; got ours {ours} and {peer} {best}. "
                "Look at what was measured, or compare a quantity that cannot be 0."
            )
        ratio = best / ours if lower else ours / best
        return cls(name, ours, best, peer, ratio, f">= {at_least:.3g}", ratio >= at_least)
