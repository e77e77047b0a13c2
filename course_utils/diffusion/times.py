"""Time grids: where a sampler with a given number of steps stops on its way from noise to data.

Each takes the schedule and the number of steps first, and returns the falling times that `sample`
takes: 1, then `num_steps - 1` stops, then 0. A grid of your own is any list that falls so.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_utils.diffusion.schedule import Schedule
from course_utils.layers import check_sizes

NEAREST = 1e-6  # how close to the ends, where the log SNR may be infinite, a stop may lie


def times_even(schedule: Schedule, num_steps: int) -> list[float]:
    """Times with equal steps, t_k = 1 - k / num_steps: what `sample` does if it is told nothing.

    Args:
        schedule: not needed here; all grids are called alike.
        num_steps: steps, at least 1.

    Returns:
        num_steps + 1 falling times.

    Raises:
        ValueError: there is no step.
    """
    check_sizes(num_steps=num_steps)
    return [1 - k / num_steps for k in range(num_steps)] + [0.0]


def times_quadratic(schedule: Schedule, num_steps: int) -> list[float]:
    """Times whose square roots have equal steps, t_k = (1 - k / num_steps)^2: more near the data.

    Args:
        schedule: not needed here; all grids are called alike.
        num_steps: steps, at least 1.

    Returns:
        num_steps + 1 falling times.

    Raises:
        ValueError: there is no step.

    Source: Song et al. 2021, appendix D.2 ("quadratic"), arXiv:2010.02502.
    """
    return [t**2 for t in times_even(schedule, num_steps)]


def times_even_in_snr(
    schedule: Schedule, num_steps: int, low: float = -7.0, high: float = 6.0
) -> list[float]:
    """Times whose log SNRs are evenly spaced: 1, then from `low` to `high`, then 0.

    Args:
        schedule: says the log SNR at each time.
        num_steps: steps, at least 3.
        low: log SNR of the second time, in nats, below `high`: nearly all noise.
        high: log SNR of the last time before 0: nearly all data.

    Returns:
        num_steps + 1 falling times.

    Raises:
        ValueError: too few steps, or log SNRs that this schedule has not got in this order.

    Source: Lu et al. 2022, section 3.3 (DPM-Solver), arXiv:2206.00927.
    """
    check_sizes(3, num_steps=num_steps)
    check_range(schedule, low, high)
    stops = torch.linspace(low, high, num_steps - 1, dtype=torch.float64)
    return [1.0, *time_of_log_snr(schedule, stops).tolist(), 0.0]


def times_karras(
    schedule: Schedule,
    num_steps: int,
    low: float = 0.002,
    high: float = 80.0,
    rho: float = 7.0,
) -> list[float]:
    """EDM's grid: the rho-th roots of the noise ratio sigma / alpha are evenly spaced.

    1, then from the ratio `high` to the ratio `low`, then 0. EDM's noise level is sigma / alpha
    here, so its grid serves any schedule. rho = 1 spaces the ratio itself evenly, and as rho grows
    the grid approaches one that is even in log SNR.

    Args:
        schedule: says sigma / alpha at each time.
        num_steps: steps, at least 3.
        low: noise ratio of the last time before 0, above 0.
        high: noise ratio of the second time, above `low`.
        rho: how much the small noise levels are favoured, from 1 to a million.

    Returns:
        num_steps + 1 falling times.

    Raises:
        ValueError: too few steps, rho outside its range, or ratios that this schedule has not got.

    Source: Karras et al. 2022, equation 5, arXiv:2206.00364 (there the first time has `high`).
    """
    check_sizes(3, num_steps=num_steps)
    if not 1 <= rho <= 1e6:  # beyond it the roots are 1 to all digits
        raise ValueError(
            f"rho must be a number of at least 1, EDM's is 7; got {rho}. Above 1e6 the grid is "
            "even in log SNR: use times_even_in_snr."
        )
    if not (low > 0 and high > 0):
        raise ValueError(f"noise ratios must be above 0; got low={low:g}, high={high:g}.")
    check_range(schedule, -2 * math.log(high), -2 * math.log(low))
    roots = torch.linspace(high ** (1 / rho), low ** (1 / rho), num_steps - 1, dtype=torch.float64)
    return [1.0, *time_of_log_snr(schedule, -2 * rho * roots.log()).tolist(), 0.0]


def check_range(schedule: Schedule, low: float, high: float) -> None:
    """Raise ValueError unless low < high are log SNRs that the schedule passes."""
    ends = torch.tensor([1 - NEAREST, NEAREST], dtype=torch.float64)
    first, last = schedule.log_snr(ends).tolist()
    if not first <= low < high <= last:
        raise ValueError(
            f"expected log SNRs low < high between {first:.1f} and {last:.1f}, the ends of "
            f"{schedule}; got low={low:g}, high={high:g}. (A noise ratio r is a log SNR of "
            "-2 log r.)"
        )


def time_of_log_snr(schedule: Schedule, log_snr: Tensor) -> Tensor:
    """The time at which the schedule has a log SNR, by halving the interval; any shape, float64."""
    low = torch.full_like(log_snr, NEAREST, dtype=torch.float64)  # log SNR too high here
    high = torch.full_like(low, 1 - NEAREST)
    for _ in range(60):  # each halves the error; float64 has 53 bits
        middle = (low + high) / 2
        later = schedule.log_snr(middle) > log_snr
        low, high = torch.where(later, middle, low), torch.where(later, high, middle)
    return (low + high) / 2
