"""Laws of scale: what a loss is made of, fitted to many trainings.

Letters: N trainings, C causes such as size and data.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Numbers = NDArray[np.float64]

STEEPEST = 2.0  # the largest exponent that is looked at
POINTS, ROUNDS = 11, 8  # of the search: exponents on a grid, which then closes in


@dataclass(frozen=True)
class Law:
    """`loss = floor + sum_c scale_c x_c ** -exponent_c`: each cause falls to nothing as it grows.

    Attributes:
        floor: E, the loss that no growth takes away.
        scales: (C,) of each cause, >= 0.
        exponents: (C,) of each cause, > 0.

    Source: Hoffmann et al. 2022, equation 2, arXiv:2203.15556, with size and data as causes.
    """

    floor: float
    scales: tuple[float, ...]
    exponents: tuple[float, ...]

    def __call__(self, *causes: float) -> float:
        """The loss at one size of each cause.

        Raises:
            ValueError: there are more or fewer causes than the law has, or one is not above 0, or
                not finite.
        """
        if len(causes) != len(self.scales) or not all(0 < cause < math.inf for cause in causes):
            raise ValueError(
                f"this law takes {len(self.scales)} finite causes above 0; got {causes}. "
                "Give them in the order of the fit."
            )
        return self.floor + sum(
            scale * cause**-exponent
            for cause, scale, exponent in zip(causes, self.scales, self.exponents, strict=True)
        )


def fit_law(causes: ArrayLike, losses: ArrayLike, *, floor: float | None = None) -> Law:
    """The law with the smallest relative errors (least squares) on trainings.

    With the exponents given, the law is linear in all that is left, which must not be negative. So
    the exponents alone are searched, on a grid that closes in.

    Args:
        causes: (N, C) sizes above 0, one row a training; (N,) for one cause.
        losses: (N,) above 0.
        floor: E where it is known, from 0 up; None fits it.

    Returns:
        The `Law`. An exponent at the end of its range, `STEEPEST`, or a floor of 0 says that the
        trainings do not settle it. Losses that rise with a cause give it no part: its scale is 0.

    Raises:
        ValueError: numbers are not above 0 or not finite, too few to settle as many unknowns, or
            below the floor; or one cause follows from the others, so that their parts cannot be
            told apart.
    """
    x, y = np.asarray(causes, dtype=np.float64), np.asarray(losses, dtype=np.float64)
    x = x[:, None] if x.ndim == 1 else x
    _check(x, y, floor)
    logs = np.log(x) - np.log(x).mean(0)  # so that the scales are near the losses
    count = x.shape[1]
    low, high = np.full(count, 1e-3), np.full(count, STEEPEST)
    for _ in range(ROUNDS):
        axes = [np.linspace(a, b, POINTS) for a, b in zip(low, high, strict=True)]
        tried = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, count)  # (P, C)
        errors, parts = _best_parts(np.exp(-logs * tried[:, None]), y, floor)
        best = int(errors.argmin())
        step = 2 * (high - low) / (POINTS - 1)
        low = np.clip(tried[best] - step, 1e-3, STEEPEST)
        high = np.clip(tried[best] + step, 1e-3, STEEPEST)
    exponents = tried[best]
    scales = parts[best, 1:] * np.exp(exponents * np.log(x).mean(0))
    return Law(float(parts[best, 0]), tuple(scales.tolist()), tuple(exponents.tolist()))


def _best_parts(powers: Numbers, losses: Numbers, floor: float | None) -> tuple[Numbers, Numbers]:
    """Least squares for each of P choices of exponents, with parts that are not negative.

    Args:
        powers: (P, N, C) each cause to its power.
        losses: (N,).
        floor: E, or None.

    Returns:
        errors (P,), and parts (P, 1 + C): the floor, then the scales.
    """
    shape = (len(powers), powers.shape[2] + 1)
    design = np.concatenate([np.ones_like(powers[..., :1]), powers], -1) / losses[:, None]
    known = 0.0 if floor is None else floor
    target = (losses - known) / losses
    free = range(shape[1]) if floor is None else range(1, shape[1])
    errors, parts = np.full(shape[0], np.inf), np.zeros(shape)
    for size in range(len(free) + 1):
        for chosen in map(list, combinations(free, size)):  # the others are 0
            some = design[..., chosen]
            solved = (np.linalg.pinv(some) @ target[:, None])[..., 0]  # (P, size)
            left = ((some @ solved[..., None])[..., 0] - target) ** 2
            error = np.where((solved >= 0).all(-1), left.sum(-1), np.inf)
            better = error < errors
            errors[better] = error[better]
            parts[better] = 0.0
            for column, values in zip(chosen, solved.T, strict=True):
                parts[better, column] = values[better]
    parts[:, 0] += known
    return errors, parts


def _check(x: Numbers, y: Numbers, floor: float | None) -> None:
    """Raise ValueError unless a law can be fitted to causes (N, C) and losses (N,)."""
    if x.ndim != 2 or y.shape != x.shape[:1]:
        raise ValueError(
            f"causes must have shape (N, C) and losses (N,); got {x.shape} and {y.shape}."
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all() and (x > 0).all() and (y > 0).all()):
        raise ValueError("causes and losses must be above 0 and finite.")
    if floor is not None and not 0 <= floor < math.inf:
        raise ValueError(f"floor must be from 0 up and finite; got {floor}.")
    unknowns = 2 * x.shape[1] + (floor is None)
    if len(y) < unknowns or any(len(set(column)) < 2 for column in x.T.tolist()):
        raise ValueError(
            f"a law of {x.shape[1]} causes has {unknowns} unknowns: it needs as many trainings, "
            f"and at least two sizes of each cause; got {len(y)} trainings."
        )
    if floor is not None and y.min() <= floor:
        raise ValueError(f"all losses must lie above the floor {floor}; the least is {y.min():g}.")
    if np.linalg.matrix_rank(np.log(x) - np.log(x).mean(0), tol=1e-6) < x.shape[1]:
        raise ValueError(
            "one cause follows from the others, as N and D = 20 N do, so a law cannot tell their "
            "parts apart. Vary one with the others fixed, or fit one cause."
        )


def repeated_fits(
    causes: Sequence[Sequence[float]],
    losses: Sequence[Sequence[float]],
    *,
    repeats: int = 100,
    floor: float | None = None,
    seed: int = 0,
) -> list[Law]:
    """Laws fitted again and again to trainings drawn from those of several seeds.

    For each size one of its trainings is drawn, so the laws differ as a law differs whose author
    had other seeds. That the form of the law is wrong shows in none of them.

    Args:
        causes: (N, C) sizes.
        losses: (N, S) of S seeds.
        repeats: laws, at least 1.
        floor: as in `fit_law`.
        seed: of the draws.

    Raises:
        ValueError: as in `fit_law`; or losses are not (N, S), or there are no repeats.

    Source: Efron 1979, the bootstrap, within each size.
    """
    table = np.asarray(losses, dtype=np.float64)
    if table.ndim != 2 or not table.shape[1] or repeats < 1:
        raise ValueError(
            "repeated_fits takes losses of shape (N, S), a column for each seed, and at least one "
            f"repeat; got {table.shape} and repeats={repeats}."
        )
    draw = np.random.default_rng(seed)
    rows = np.arange(len(table))
    return [
        fit_law(causes, table[rows, draw.integers(table.shape[1], size=len(table))], floor=floor)
        for _ in range(repeats)
    ]
