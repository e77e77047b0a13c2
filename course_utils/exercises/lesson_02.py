"""Exercises of lesson 02: the exact denoiser, the loss, and what a prediction implies."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_utils.diffusion import Cosine, Schedule
from course_utils.exercises import Exercise, Mistake

Net = Callable[[Tensor, Tensor], Tensor]


def best_guess(x_t: Tensor, points: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    """The exact denoiser of a finite data set."""
    return averaged(x_t, points, alpha, 2 * sigma**2)


def averaged(x_t: Tensor, points: Tensor, alpha: Tensor | float, width: Tensor) -> Tensor:
    """Average of the points with weights softmax(-squared distance / width)."""
    squared = (x_t - alpha * points).square().sum(dim=1)
    return (-squared / width).softmax(dim=0) @ points


def guess_cases() -> list[tuple[Any, ...]]:
    """Five points in the plane and in space, at a medium and a high noise level."""
    return [
        (torch.randn(size), torch.randn(5, size), torch.tensor(alpha), torch.tensor(sigma))
        for size, alpha, sigma in ((2, 0.8, 0.6), (3, 0.6, 0.8))
    ]


def along_coordinates(x_t: Tensor, points: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    """Softmax separately for each coordinate."""
    squared = (x_t - alpha * points).square()
    return ((-squared / (2 * sigma**2)).softmax(dim=0) * points).sum(dim=0)


def noise_loss(net: Net, x0: Tensor, t: Tensor, eps: Tensor, schedule: Schedule) -> Tensor:
    """Mean squared error of the predicted noise."""
    return (net(mixed(x0, t, eps, schedule), t) - eps).square().mean()


def mixed(x0: Tensor, t: Tensor, eps: Tensor, schedule: Schedule) -> Tensor:
    """The noisy points."""
    return schedule.alpha(t)[:, None] * x0 + schedule.sigma(t)[:, None] * eps


def loss_cases() -> list[tuple[Any, ...]]:
    """A network whose answer depends on both of its inputs."""

    def net(x: Tensor, t: Tensor) -> Tensor:
        return x * t[:, None] + t[:, None].square()

    return [
        (net, torch.randn(size, 2), torch.rand(size), torch.randn(size, 2), Cosine())
        for size in (4, 7)
    ]


def x0_from_eps(x_t: Tensor, eps_hat: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    """The data that a prediction of the noise implies."""
    return (x_t - sigma * eps_hat) / alpha


def implied_cases() -> list[tuple[Any, ...]]:
    """Four points, each at its own time."""
    t = torch.tensor([0.1, 0.4, 0.6, 0.8])[:, None]
    return [(torch.randn(4, 3), torch.randn(4, 3), Cosine().alpha(t), Cosine().sigma(t))]


EXERCISES = [
    Exercise(
        id="02.1",
        title="the best possible guess for a finite data set",
        reference=best_guess,
        cases=guess_cases,
        mistakes=[
            Mistake(
                "missing factor 2",
                lambda x_t, points, alpha, sigma: averaged(x_t, points, alpha, sigma**2),
                "The exponent of a Gaussian is divided by 2 sigma^2; here the 2 is missing.",
            ),
            Mistake(
                "sigma not squared",
                lambda x_t, points, alpha, sigma: averaged(x_t, points, alpha, 2 * sigma),
                "The squared distance is divided by 2 sigma squared; here sigma is not squared.",
            ),
            Mistake(
                "divided and multiplied",
                lambda x_t, points, alpha, sigma: averaged(x_t, points, alpha, 2 / sigma**2),
                "-squared / 2 * sigma**2 multiplies by sigma^2: put 2 * sigma**2 in parentheses.",
            ),
            Mistake(
                "distance not squared",
                lambda x_t, points, alpha, sigma: (
                    (-(x_t - alpha * points).norm(dim=1) / (2 * sigma**2)).softmax(0) @ points
                ),
                "The exponent holds the squared distance; this is the distance itself.",
            ),
            Mistake(
                "nearest point",
                lambda x_t, points, alpha, sigma: points[
                    (x_t - alpha * points).norm(dim=1).argmin()
                ],
                "That is the nearest point alone. The best guess is an average of all of them.",
            ),
            Mistake(
                "data not multiplied by alpha",
                lambda x_t, points, alpha, sigma: averaged(x_t, points, 1.0, 2 * sigma**2),
                "x_t holds alpha * x0, so compare it with alpha * points.",
            ),
            Mistake(
                "average of the shrunken data",
                lambda x_t, points, alpha, sigma: alpha * best_guess(x_t, points, alpha, sigma),
                "alpha belongs in the distance only. The average is of the points themselves.",
            ),
            Mistake(
                "softmax for each coordinate",
                along_coordinates,
                "Sum the squared differences over the coordinates first: one weight a point.",
            ),
            Mistake(
                "missing minus",
                lambda x_t, points, alpha, sigma: averaged(x_t, points, alpha, -2 * sigma**2),
                "The farthest points got the largest weights: the exponent needs a minus.",
            ),
        ],
    ),
    Exercise(
        id="02.2",
        title="the loss of a network that predicts noise",
        reference=noise_loss,
        cases=loss_cases,
        mistakes=[
            Mistake(
                "compared with the data",
                lambda net, x0, t, eps, s: (net(mixed(x0, t, eps, s), t) - x0).square().mean(),
                "This compares the answer with the data. The network is asked for the noise, eps.",
            ),
            Mistake(
                "clean data shown",
                lambda net, x0, t, eps, s: (net(x0, t) - eps).square().mean(),
                "The network was shown the clean data. Mix in the noise first.",
            ),
            Mistake(
                "swapped alpha and sigma",
                lambda net, x0, t, eps, s: (net(mixed(eps, t, x0, s), t) - eps).square().mean(),
                "alpha and sigma are swapped in the mixture: alpha belongs to the data.",
            ),
            Mistake(
                "summed over coordinates",
                lambda net, x0, t, eps, s: (
                    (net(mixed(x0, t, eps, s), t) - eps).square().sum(dim=1).mean()
                ),
                "You summed over the coordinates. Average over them too.",
            ),
            Mistake(
                "data not multiplied by alpha",
                lambda net, x0, t, eps, s: (
                    (net(mixed(x0, t, eps, s) + (1 - s.alpha(t)[:, None]) * x0, t) - eps)
                    .square()
                    .mean()
                ),
                "The data in the mixture is multiplied by alpha(t).",
            ),
            Mistake(
                "sum instead of mean",
                lambda net, x0, t, eps, s: (net(mixed(x0, t, eps, s), t) - eps).square().sum(),
                "This is the sum of the squared errors, and grows with the batch. Take the mean.",
            ),
            Mistake(
                "absolute error",
                lambda net, x0, t, eps, s: (net(mixed(x0, t, eps, s), t) - eps).abs().mean(),
                "This is the absolute error. Its best answer is a median: square it instead.",
            ),
        ],
    ),
    Exercise(
        id="02.3",
        title="the data that a noise prediction implies",
        reference=x0_from_eps,
        cases=implied_cases,
        mistakes=[
            Mistake(
                "not divided by alpha",
                lambda x_t, eps_hat, alpha, sigma: x_t - sigma * eps_hat,
                "What is left is alpha * x0. Divide by alpha.",
            ),
            Mistake(
                "divided by alpha too early",
                lambda x_t, eps_hat, alpha, sigma: x_t / alpha - sigma * eps_hat,
                "The whole difference is divided by alpha, the noise as well: use parentheses.",
            ),
            Mistake(
                "only the noise divided",
                lambda x_t, eps_hat, alpha, sigma: x_t - sigma * eps_hat / alpha,
                "Only the noise was divided. Put parentheses around the whole difference.",
            ),
            Mistake(
                "noise without sigma",
                lambda x_t, eps_hat, alpha, sigma: (x_t - eps_hat) / alpha,
                "The noise in x_t was multiplied by sigma. Take away sigma * eps_hat.",
            ),
            Mistake(
                "swapped alpha and sigma",
                lambda x_t, eps_hat, alpha, sigma: (x_t - alpha * eps_hat) / sigma,
                "alpha and sigma are swapped: sigma belongs to the noise, alpha to the data.",
            ),
            Mistake(
                "noise added",
                lambda x_t, eps_hat, alpha, sigma: (x_t + sigma * eps_hat) / alpha,
                "Noise was added once more. Take it away: a minus.",
            ),
        ],
    ),
]
