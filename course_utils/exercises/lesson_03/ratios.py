"""03.1: EDM's noise levels."""

from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Mistake


def noise_ratios(u: Tensor, low: float, high: float, rho: float) -> Tensor:
    """The level at each share of the way on which the rho-th root moves evenly."""
    return rooted(u, low, high, 1 / rho) ** rho


def rooted(u: Tensor, low: float, high: float, power: float) -> Tensor:
    """Evenly from high ** power, where u is 0, to low ** power, where u is 1."""
    return high**power + u * (low**power - high**power)


def ratio_cases() -> list[tuple[Any, ...]]:
    """EDM's own numbers, other roots, levels below and above 1, uneven shares, one share."""
    return [
        (torch.linspace(0, 1, 18), 0.002, 80.0, 7.0),
        (torch.rand(5), 0.1, 10.0, 3.0),
        (torch.tensor([0.0, 1.0]), 0.5, 2.0, 2.0),
        (torch.linspace(0, 1, 7), 0.05, 0.8, 1.0),
        (torch.tensor([0.3]), 1.5, 40.0, 5.5),
    ]


RATIOS = Exercise(
    id="03.1",
    title="EDM's noise levels",
    reference=noise_ratios,
    cases=ratio_cases,
    mistakes=[
        Mistake(
            "levels themselves spaced",
            lambda u, low, high, rho: rooted(u, low, high, 1),
            "The levels themselves move evenly here. Their rho-th roots should.",
        ),
        Mistake(
            "logarithms spaced",
            lambda u, low, high, rho: high * (low / high) ** u,
            "The logarithms move evenly here: the limit of a very large rho. Take roots.",
        ),
        Mistake(
            "power and root swapped",
            lambda u, low, high, rho: rooted(u, low, high, rho) ** (1 / rho),
            "Root and power are swapped: first the root of both ends, at last the power.",
        ),
        Mistake(
            "no power at the end",
            lambda u, low, high, rho: rooted(u, low, high, 1 / rho),
            "These are the roots. Raise them to the power of rho again.",
        ),
        Mistake(
            "rho fixed at 7",
            lambda u, low, high, rho: noise_ratios(u, low, high, 7.0),
            "You took rho = 7. It is an argument.",
        ),
        Mistake(
            "rising",
            lambda u, low, high, rho: noise_ratios(1 - u, low, high, rho),
            "Your levels rise with u. A sampler begins with the most noise: u = 0 is high.",
        ),
        Mistake(
            "power of the share",
            lambda u, low, high, rho: rooted(u**rho, low, high, 1),
            "You raised u to a power. It is the levels whose root is taken; u stays what it is.",
        ),
        Mistake(
            "root of the share",
            lambda u, low, high, rho: rooted(u ** (1 / rho), low, high, 1),
            "You took the root of u. Take the roots of low and high; u stays what it is.",
        ),
        Mistake(
            "powers added",
            lambda u, low, high, rho: (1 - u) ** rho * high + u**rho * low,
            "You raised two parts to the power and added them. Add the roots first, then raise "
            "the sum.",
        ),
        Mistake(
            "down to zero",
            lambda u, low, high, rho: noise_ratios(u, 0.0, high, rho),
            "Your levels end at 0. At u = 1 the level is low.",
        ),
    ],
)
