"""02.1: the best guess for examples that are not equally likely."""

from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Mistake


def best_guess(
    x_t: Tensor, points: Tensor, weights: Tensor, alpha: Tensor, sigma: Tensor
) -> Tensor:
    """The exact denoiser of a finite data set with weights."""
    return averaged(x_t, alpha * points, points, weights.log(), 2 * sigma**2)


def averaged(x_t: Tensor, seen: Tensor, points: Tensor, scores: Tensor, width: Tensor) -> Tensor:
    """Average of the points with weights softmax(scores - |x_t - seen|^2 / width)."""
    squared = (x_t - seen).square().sum(dim=1)
    return (scores - squared / width).softmax(dim=0) @ points


def guess_cases() -> list[tuple[Any, ...]]:
    """Points in 2 to 5 dimensions; no data left, very little noise, a nearest point of weight 0."""
    mild = [(2, 5, 0.8, 0.6), (3, 4, 0.5, 0.5), (5, 7, 0.3, 0.7)]
    calls = [
        (torch.randn(d), torch.randn(n, d), torch.rand(n) + 0.1, alpha, sigma)
        for d, n, alpha, sigma in mild
    ]
    calls.append((torch.randn(2), torch.randn(3, 2), torch.tensor([0.7, 0.0, 0.3]), 0.6, 0.4))
    calls.append((torch.randn(2), torch.randn(6, 2), torch.rand(6) + 0.1, 0.0, 1.0))
    far = 30 * torch.randn(6, 4)  # every exp(-squared / ...) on its own is 0 here
    calls.append((0.9 * far[2] + 0.4, far, torch.rand(6) + 0.1, 0.9, 0.02))
    around = torch.randn(3) + torch.cat([torch.zeros(1, 3), 2 * torch.eye(3)])
    calls.append((0.9 * around[0], around, torch.tensor([0.0, 0.5, 0.2, 0.3]), 0.9, 0.11))
    return [
        (x, points, weights / weights.sum(), torch.tensor(alpha), torch.tensor(sigma))
        for x, points, weights, alpha, sigma in calls
    ]


def overflowing(
    x_t: Tensor, points: Tensor, weights: Tensor, alpha: Tensor, sigma: Tensor
) -> Tensor:
    """The right formula, without the care for large numbers that softmax takes."""
    squared = (x_t - alpha * points).square().sum(dim=1)
    shares = weights * (-squared / (2 * sigma**2)).exp()
    return shares @ points / shares.sum()


def not_normalised(
    x_t: Tensor, points: Tensor, weights: Tensor, alpha: Tensor, sigma: Tensor
) -> Tensor:
    """Softmax of the distances, then times the weights, and no new sum."""
    squared = (x_t - alpha * points).square().sum(dim=1)
    return (weights * (-squared / (2 * sigma**2)).softmax(dim=0)) @ points


def weights_too_late(
    x_t: Tensor, points: Tensor, weights: Tensor, alpha: Tensor, sigma: Tensor
) -> Tensor:
    """Right, unless a point of weight 0 takes all of the softmax."""
    squared = (x_t - alpha * points).square().sum(dim=1)
    shares = weights * (-squared / (2 * sigma**2)).softmax(dim=0)
    return shares @ points / shares.sum()


def by_coordinate(
    x_t: Tensor, points: Tensor, weights: Tensor, alpha: Tensor, sigma: Tensor
) -> Tensor:
    """A softmax for each coordinate."""
    scores = weights.log()[:, None] - (x_t - alpha * points).square() / (2 * sigma**2)
    return (scores.softmax(dim=0) * points).sum(dim=0)


GUESS = Exercise(
    id="02.1",
    title="the best guess when some examples are likelier than others",
    reference=best_guess,
    cases=guess_cases,
    mistakes=[
        Mistake(
            "weights ignored",
            lambda x, p, w, a, s: averaged(x, a * p, p, 0 * w, 2 * s**2),
            "The weights make no difference here. A likelier example gets more of the average.",
        ),
        Mistake(
            "weights added instead of their logarithm",
            lambda x, p, w, a, s: averaged(x, a * p, p, w, 2 * s**2),
            "The weights were added inside the softmax. w exp(z) = exp(z + log w): add log w.",
        ),
        Mistake(
            "weights multiply the exponent",
            lambda x, p, w, a, s: (
                (-w * (x - a * p).square().sum(dim=1) / (2 * s**2)).softmax(0) @ p
            ),
            "The weight multiplies the density, exp(...), not the exponent inside it.",
        ),
        Mistake(
            "not normalised again",
            not_normalised,
            "The shares no longer add up to one. Put log w inside the softmax.",
        ),
        Mistake(
            "weights after the softmax",
            weights_too_late,
            "Where a point of weight 0 is by far the nearest, the softmax gives it everything, and "
            "times 0 nothing is left. Put log w inside the softmax.",
        ),
        Mistake(
            "a little added to the weights",
            lambda x, p, w, a, s: averaged(x, a * p, p, (w + 1e-8).log(), 2 * s**2),
            "A point of weight 0 still counts here. Leave log 0 = -inf as it is: softmax gives it "
            "exactly 0.",
        ),
        Mistake(
            "exp without care",
            overflowing,
            "Where all distances are large, every exp is 0, and 0 / 0 is no number. "
            "softmax subtracts the largest exponent first: let it do the exp.",
        ),
        Mistake(
            "missing factor 2",
            lambda x, p, w, a, s: averaged(x, a * p, p, w.log(), s**2),
            "The exponent of a Gaussian is divided by 2 sigma^2; here the 2 is missing.",
        ),
        Mistake(
            "sigma not squared",
            lambda x, p, w, a, s: averaged(x, a * p, p, w.log(), 2 * s),
            "The squared distance is divided by 2 sigma squared; here sigma is not squared.",
        ),
        Mistake(
            "sigma from alpha",
            lambda x, p, w, a, s: averaged(x, a * p, p, w.log(), 2 * (1 - a**2)),
            "sigma is not sqrt(1 - alpha^2) in every schedule: use the sigma that is given.",
        ),
        Mistake(
            "data not multiplied by alpha",
            lambda x, p, w, a, s: averaged(x, p, p, w.log(), 2 * s**2),
            "x_t holds alpha * x0, so compare it with alpha * points.",
        ),
        Mistake(
            "average of the shrunken data",
            lambda x, p, w, a, s: a * best_guess(x, p, w, a, s),
            "alpha belongs in the distance only. The average is of the points themselves.",
        ),
        Mistake(
            "softmax for each coordinate",
            by_coordinate,
            "Sum the squared differences over the coordinates first: one weight a point.",
        ),
        Mistake(
            "missing minus",
            lambda x, p, w, a, s: averaged(x, a * p, p, w.log(), -2 * s**2),
            "The farthest points got the largest weights: the exponent needs a minus.",
        ),
    ],
)
