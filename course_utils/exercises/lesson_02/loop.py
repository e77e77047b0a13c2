"""02.4: a training loop with its own weighting of times."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.diffusion import Cosine, Flow, LinearBeta, Schedule
from course_utils.exercises import Exercise, Mistake

Net = Callable[[Tensor, Tensor], Tensor]


class Guesser(nn.Module):
    """A tiny network whose answer depends on both of its inputs, with weights to train."""

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.mix = nn.Linear(dimensions, dimensions)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """One answer for each of the points (B, D)."""
        return self.mix(x) * (1 + t[:, None])


Batch = tuple[Tensor, Tensor, Tensor]
Weight = Callable[[Tensor], Tensor]
LossOf = Callable[[Net, Batch, Schedule, Weight], Tensor]


def squared_errors(net: Net, batch: Batch, schedule: Schedule) -> Tensor:
    """(B, D) squared errors of the predicted data."""
    x0, t, eps = batch
    alpha, sigma = schedule.at(t, x0)
    return (net(alpha * x0 + sigma * eps, t) - x0).square()


def weighted_loss(net: Net, batch: Batch, schedule: Schedule, weight: Weight) -> Tensor:
    """The mean over examples of weight(t) times the mean squared error of the data."""
    return (weight(batch[1]) * squared_errors(net, batch, schedule).mean(dim=1)).mean()


def loop(
    loss_of: LossOf, *, clear: str = "before", again: bool = False, to_the_end: bool = True
) -> Callable[..., list[float]]:
    """A training loop around a loss; its other settings are for mistakes."""

    def train(
        net: Net,
        optimizer: torch.optim.Optimizer,
        batches: Sequence[Batch],
        schedule: Schedule,
        weight: Weight,
    ) -> list[float]:
        losses = []
        for place, batch in enumerate(batches, start=1):
            loss = loss_of(net, batch, schedule, weight)
            if clear == "before":
                optimizer.zero_grad()
            loss.backward()
            if clear == "too late":
                optimizer.zero_grad()
            if to_the_end or place < len(batches):
                optimizer.step()
            losses.append(loss_of(net, batch, schedule, weight).item() if again else loss.item())
        return losses

    return train


def loop_cases() -> list[tuple[Any, ...]]:
    """Three schedules and weightings; as many points as coordinates, and a last batch of one."""
    settings = [
        (Cosine(), 2, 0.3, (4, 4, 3, 4), lambda t: 1 + t),
        (Flow(), 3, 0.1, (3, 3, 3, 1), lambda t: (1 - t) ** 2 / (0.1 + t)),
        (LinearBeta(), 5, 0.2, (7, 2, 6), lambda t: 2 * t),
    ]
    calls = []
    for schedule, width, rate, sizes, weight in settings:
        net = Guesser(width)
        batches = []
        for size in sizes:
            x0, eps = torch.randn(2, size, width)
            batches.append((x0, torch.rand(size), eps))
        optimizer = torch.optim.SGD(net.parameters(), rate, momentum=0.5)
        calls.append((net, optimizer, batches, schedule, weight))
    return calls


def losses_and_weights(
    train: Callable[..., list[float]], net: nn.Module, *arguments: Any
) -> tuple[list[float], list[Tensor]]:
    """The losses and what was learned: no loss shows the last step."""
    losses = train(net, *arguments)
    return losses, [weight.detach() for weight in net.parameters()]


def noise_as_target(net: Net, batch: Batch, schedule: Schedule, weight: Weight) -> Tensor:
    """Compares the answer with the noise."""
    x0, t, eps = batch
    alpha, sigma = schedule.at(t, x0)
    wrong = (net(alpha * x0 + sigma * eps, t) - eps).square().mean(dim=1)
    return (weight(t) * wrong).mean()


def clean_shown(net: Net, batch: Batch, schedule: Schedule, weight: Weight) -> Tensor:
    """Shows the network the clean data."""
    x0, t, _ = batch
    return (weight(t) * (net(x0, t) - x0).square().mean(dim=1)).mean()


def sigma_from_alpha(net: Net, batch: Batch, schedule: Schedule, weight: Weight) -> Tensor:
    """Believes in alpha^2 + sigma^2 = 1."""
    x0, t, eps = batch
    alpha, _ = schedule.at(t, x0)
    wrong = (net(alpha * x0 + (1 - alpha**2).sqrt() * eps, t) - x0).square().mean(dim=1)
    return (weight(t) * wrong).mean()


LOOP = Exercise(
    id="02.4",
    title="a training loop with its own weighting of times",
    reference=loop(weighted_loss),
    cases=loop_cases,
    probe=losses_and_weights,
    mistakes=[
        Mistake(
            "weights ignored",
            loop(lambda net, batch, sch, weight: squared_errors(net, batch, sch).mean()),
            "weight(t) makes no difference here: multiply the error of each example by it.",
        ),
        Mistake(
            "mean of the weights",
            loop(
                lambda net, batch, sch, weight: (
                    weight(batch[1]).mean() * squared_errors(net, batch, sch).mean()
                )
            ),
            "You took the mean of the weights by itself. Multiply each example's error by its "
            "own weight first, then take the mean.",
        ),
        Mistake(
            "weights along the coordinates",
            loop(
                lambda net, batch, sch, weight: (
                    weight(batch[1]) * squared_errors(net, batch, sch)
                ).mean()
            ),
            "weight(t) has one number for each example, (B,), and the errors are (B, D): average "
            "over the coordinates first, or write weight(t)[:, None].",
        ),
        Mistake(
            "target is the noise",
            loop(noise_as_target),
            "This network answers with the data: compare its answer with x0, not with eps.",
        ),
        Mistake(
            "clean data shown",
            loop(clean_shown),
            "The network was shown the clean data. Mix in the noise first.",
        ),
        Mistake(
            "summed over coordinates",
            loop(
                lambda net, batch, sch, weight: (
                    weighted_loss(net, batch, sch, weight) * batch[0].shape[1]
                )
            ),
            "You summed over the coordinates. Average over them too.",
        ),
        Mistake(
            "summed over examples",
            loop(
                lambda net, batch, sch, weight: (
                    weighted_loss(net, batch, sch, weight) * len(batch[0])
                )
            ),
            "You summed over the examples, so a larger batch has a larger loss. Take the mean.",
        ),
        Mistake(
            "gradients pile up",
            loop(weighted_loss, clear="never"),
            "The first loss is right, the later ones are not: gradients of earlier batches are "
            "still there. Call optimizer.zero_grad() in each step.",
        ),
        Mistake(
            "gradients cleared too early",
            loop(weighted_loss, clear="too late"),
            "Nothing is trained: zero_grad() between backward() and step() throws the gradient "
            "away.",
        ),
        Mistake(
            "loss after the step",
            loop(weighted_loss, again=True),
            "These are the losses after each step. Return those before it.",
        ),
        Mistake(
            "last step not taken",
            loop(weighted_loss, to_the_end=False),
            "The losses are right, the weights at the end are not: take a step for the last batch "
            "too.",
        ),
        Mistake(
            "sigma from alpha",
            loop(sigma_from_alpha),
            "sigma is not sqrt(1 - alpha^2) in every schedule: ask schedule.sigma(t).",
        ),
    ],
)
