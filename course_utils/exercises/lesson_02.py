"""Exercises of lesson 02: unequal examples, the sampler, what v implies, a training loop."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.diffusion import Cosine, Flow, LinearBeta, Schedule
from course_utils.exercises import Exercise, Mistake

Net = Callable[[Tensor, Tensor], Tensor]


# 02.1: the best guess for examples that are not equally likely


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
    """Points in 2 to 5 dimensions; a weight of zero, no data left, and very little noise."""
    mild = [(2, 5, 0.8, 0.6), (3, 4, 0.5, 0.5), (5, 7, 0.3, 0.7)]
    calls = [
        (torch.randn(d), torch.randn(n, d), torch.rand(n) + 0.1, alpha, sigma)
        for d, n, alpha, sigma in mild
    ]
    calls.append((torch.randn(2), torch.randn(3, 2), torch.tensor([0.7, 0.0, 0.3]), 0.6, 0.4))
    calls.append((torch.randn(2), torch.randn(6, 2), torch.rand(6) + 0.1, 0.0, 1.0))
    far = 30 * torch.randn(6, 4)  # every exp(-squared / ...) on its own is 0 here
    calls.append((0.9 * far[2] + 0.4, far, torch.rand(6) + 0.1, 0.9, 0.02))
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
            "The shares no longer add up to one: divide by their sum, or put log w in the softmax.",
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


# 02.2: the sampler, watched and clipped


def watched(
    denoise: Net, x: Tensor, times: Sequence[float], schedule: Schedule, limit: float
) -> Iterator[Tensor]:
    """The deterministic sampler with clipped guesses, yielding each state."""
    for t, s in pairwise(times):
        guess = denoise(x, torch.full((len(x),), t)).clamp(-limit, limit)
        x = moved(guess, left_over(guess, x, t, schedule), s, schedule)
        yield x


def moved(guess: Tensor, noise: Tensor, s: float, schedule: Schedule) -> Tensor:
    """The mixture of a guess and its noise at time s."""
    return schedule.alpha(s) * guess + schedule.sigma(s) * noise


def left_over(guess: Tensor, x: Tensor, t: float, schedule: Schedule) -> Tensor:
    """The noise that is in x at time t if the guess is right."""
    return (x - schedule.alpha(t) * guess) / schedule.sigma(t)


def strict_denoiser(x: Tensor, t: Tensor) -> Tensor:
    """A guess that depends on the state and its time, and often leaves every limit."""
    if not isinstance(t, Tensor) or t.shape != (len(x),):
        shape = tuple(t.shape) if isinstance(t, Tensor) else t
        raise ValueError(f"denoise wants one time for each example, ({len(x)},); got {shape}.")
    return 1.5 * x + t.reshape(-1, *[1] * (x.ndim - 1)).to(x)


def sampler_cases() -> list[tuple[Any, ...]]:
    """Points and images, even and uneven times, three schedules, one step and many."""
    return [
        (strict_denoiser, torch.randn(3, 2), [1.0, 0.75, 0.5, 0.25, 0.0], Cosine(), 1.0),
        (strict_denoiser, 2 * torch.randn(2, 1, 4, 4), [0.9, 0.7, 0.1, 0.0], Flow(), 0.5),
        (strict_denoiser, torch.randn(5, 3), [1.0, 0.3, 0.05], LinearBeta(), 2.0),
        (strict_denoiser, 100 * torch.randn(1, 2), [0.99, 0.0], Flow(), 1.0),
    ]


def walk(step: Callable[..., Tensor], before: bool = False) -> Callable[..., Iterator[Tensor]]:
    """A sampler around x_s = step(guess, x, t, s, schedule, limit), with the guess not clipped."""

    def sampler(
        denoise: Net, x: Tensor, times: Sequence[float], schedule: Schedule, limit: float
    ) -> Iterator[Tensor]:
        if before:
            yield x
        for t, s in pairwise(times):
            guess = denoise(x, torch.full((len(x),), t))
            x = step(guess, x, t, s, schedule, limit)
            yield x

    return sampler


def right_step(
    guess: Tensor, x: Tensor, t: float, s: float, schedule: Schedule, limit: float
) -> Tensor:
    """One step of `watched`."""
    guess = guess.clamp(-limit, limit)
    return moved(guess, left_over(guess, x, t, schedule), s, schedule)


def guesses_yielded(
    denoise: Net, x: Tensor, times: Sequence[float], schedule: Schedule, limit: float
) -> Iterator[Tensor]:
    """Yields what the denoiser says instead of where the sampler is."""
    for t, s in pairwise(times):
        guess = denoise(x, torch.full((len(x),), t)).clamp(-limit, limit)
        x = moved(guess, left_over(guess, x, t, schedule), s, schedule)
        yield guess


def keeps_variance(
    guess: Tensor, x: Tensor, t: float, s: float, schedule: Schedule, limit: float
) -> Tensor:
    """Believes in alpha^2 + sigma^2 = 1."""
    guess = guess.clamp(-limit, limit)
    now, then = (torch.as_tensor(schedule.alpha(time)) for time in (t, s))
    noise = (x - now * guess) / (1 - now**2).sqrt()
    return then * guess + (1 - then**2).sqrt() * noise


SAMPLER = Exercise(
    id="02.2",
    title="the sampler, watched and clipped",
    reference=watched,
    cases=sampler_cases,
    mistakes=[
        Mistake(
            "not clipped",
            walk(lambda guess, x, t, s, sch, _: moved(guess, left_over(guess, x, t, sch), s, sch)),
            "The guess was not clipped: limit it to -limit ... limit before it is used.",
        ),
        Mistake(
            "noise of the guess before clipping",
            walk(
                lambda guess, x, t, s, sch, limit: moved(
                    guess.clamp(-limit, limit), left_over(guess, x, t, sch), s, sch
                )
            ),
            "The noise belongs to the guess before clipping. Clip first, then work out the noise: "
            "the two must still add up to x.",
        ),
        Mistake(
            "state clipped",
            walk(
                lambda guess, x, t, s, sch, limit: moved(
                    guess, left_over(guess, x, t, sch), s, sch
                ).clamp(-limit, limit)
            ),
            "You clipped the state. It holds noise and may be large: clip the guess.",
        ),
        Mistake(
            "only upper limit",
            walk(
                lambda guess, x, t, s, sch, limit: right_step(
                    guess.clamp(max=limit), x, t, s, sch, float("inf")
                )
            ),
            "Only the upper side was clipped. The limit holds on both sides.",
        ),
        Mistake(
            "from 0 to the limit",
            walk(
                lambda guess, x, t, s, sch, limit: right_step(
                    guess.clamp(0, limit), x, t, s, sch, float("inf")
                )
            ),
            "The lower limit is -limit, not 0.",
        ),
        Mistake(
            "jumps to the guess",
            walk(lambda guess, x, t, s, sch, limit: guess.clamp(-limit, limit)),
            "You went all the way to the guess. Only go to time s: mix the noise in again.",
        ),
        Mistake(
            "stays at its time",
            walk(lambda guess, x, t, s, sch, limit: right_step(guess, x, t, t, sch, limit)),
            "The new state has the alpha and sigma of time t. It should be at time s.",
        ),
        Mistake(
            "noise from the wrong time",
            walk(
                lambda guess, x, t, s, sch, limit: moved(
                    guess.clamp(-limit, limit),
                    (x - sch.alpha(s) * guess.clamp(-limit, limit)) / max(sch.sigma(s), 1e-9),
                    s,
                    sch,
                )
            ),
            "x is at time t, so the noise in it is (x - alpha(t) guess) / sigma(t).",
        ),
        Mistake(
            "yields the start too",
            walk(right_step, before=True),
            "Yield after each step, one state for each: the start is not one of them.",
        ),
        Mistake(
            "yields the guess",
            guesses_yielded,
            "You yield the guesses. Yield x, the state after the step.",
        ),
        Mistake(
            "sigma from alpha",
            walk(keeps_variance),
            "sigma is not sqrt(1 - alpha^2) in every schedule: ask schedule.sigma.",
        ),
    ],
)


# 02.3: what a prediction of v implies


def from_v(v: Tensor, x_t: Tensor, alpha: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
    """The data and the noise that a prediction of v implies."""
    power = alpha**2 + sigma**2
    return (alpha * x_t - sigma * v) / power, (sigma * x_t + alpha * v) / power


def factors(schedule: Schedule, t: Tensor) -> tuple[Tensor, Tensor]:
    """The factors of data and noise at the times t (B,), each (B, 1)."""
    return schedule.alpha(t)[:, None], schedule.sigma(t)[:, None]


def v_cases() -> list[tuple[Any, ...]]:
    """Three schedules; the ends of time, where one of the factors is 0; large numbers."""
    calls = []
    for schedule, width, size in ((Cosine(), 3, 1.0), (Flow(), 2, 1.0), (Flow(), 5, 1e4)):
        t = torch.tensor([0.0, 0.1, 0.4, 0.6, 0.8, 1.0])
        v, x_t = size * torch.randn(2, len(t), width)
        calls.append((v, x_t, *factors(schedule, t)))
    return calls


def v_part(
    first: Callable[..., Tensor], second: Callable[..., Tensor]
) -> Callable[..., tuple[Tensor, Tensor]]:
    """An answer of two formulas."""
    return lambda v, x_t, a, s: (first(v, x_t, a, s), second(v, x_t, a, s))


FROM_V = Exercise(
    id="02.3",
    title="the data and the noise that a prediction of v implies",
    reference=from_v,
    cases=v_cases,
    mistakes=[
        Mistake(
            "true only where the variance is kept",
            v_part(lambda v, x, a, s: a * x - s * v, lambda v, x, a, s: s * x + a * v),
            "This is right only where alpha^2 + sigma^2 = 1. Solve without that: a sum is left "
            "to divide by.",
        ),
        Mistake(
            "swapped",
            lambda v, x, a, s: from_v(v, x, a, s)[::-1],
            "The two answers are swapped: first the data, then the noise.",
        ),
        Mistake(
            "sign of v",
            lambda v, x, a, s: from_v(-v, x, a, s),
            "The sign of v is wrong: v = alpha * eps - sigma * x0.",
        ),
        Mistake(
            "swapped alpha and sigma",
            lambda v, x, a, s: from_v(v, x, s, a),
            "alpha and sigma are swapped: alpha belongs to the data, sigma to the noise.",
        ),
        Mistake(
            "taken for the noise",
            v_part(lambda v, x, a, s: (x - s * v) / a, lambda v, x, a, s: v),
            "This takes v for the noise. It is a mixture: v = alpha * eps - sigma * x0.",
        ),
        Mistake(
            "divided by a factor that may be 0",
            v_part(
                lambda v, x, a, s: (x - s * from_v(v, x, a, s)[1]) / a,
                lambda v, x, a, s: from_v(v, x, a, s)[1],
            ),
            "At t = 1 alpha is 0, and you divide by it. Eliminate the other unknown instead: "
            "multiply one equation by alpha, the other by sigma, and combine them.",
        ),
        Mistake(
            "only the data",
            lambda v, x, a, s: from_v(v, x, a, s)[0],
            "Return both: the data and the noise, in this order.",
        ),
    ],
)

# 02.4: a training loop with its own weighting of times


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
    alpha, sigma = factors(schedule, t)
    return (net(alpha * x0 + sigma * eps, t) - x0).square()


def weighted_loss(net: Net, batch: Batch, schedule: Schedule, weight: Weight) -> Tensor:
    """The mean over examples of weight(t) times the mean squared error of the data."""
    return (weight(batch[1]) * squared_errors(net, batch, schedule).mean(dim=1)).mean()


def loop(
    loss_of: LossOf, *, clear: str = "before", again: bool = False
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
        for batch in batches:
            loss = loss_of(net, batch, schedule, weight)
            if clear == "before":
                optimizer.zero_grad()
            loss.backward()
            if clear == "too late":
                optimizer.zero_grad()
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


def noise_as_target(net: Net, batch: Batch, schedule: Schedule, weight: Weight) -> Tensor:
    """Compares the answer with the noise."""
    x0, t, eps = batch
    alpha, sigma = factors(schedule, t)
    wrong = (net(alpha * x0 + sigma * eps, t) - eps).square().mean(dim=1)
    return (weight(t) * wrong).mean()


def clean_shown(net: Net, batch: Batch, schedule: Schedule, weight: Weight) -> Tensor:
    """Shows the network the clean data."""
    x0, t, _ = batch
    return (weight(t) * (net(x0, t) - x0).square().mean(dim=1)).mean()


def normalised(net: Net, batch: Batch, schedule: Schedule, weight: Weight) -> Tensor:
    """Divides by the sum of the weights."""
    return weighted_loss(net, batch, schedule, weight) / weight(batch[1]).mean()


def sigma_from_alpha(net: Net, batch: Batch, schedule: Schedule, weight: Weight) -> Tensor:
    """Believes in alpha^2 + sigma^2 = 1."""
    x0, t, eps = batch
    alpha, _ = factors(schedule, t)
    wrong = (net(alpha * x0 + (1 - alpha**2).sqrt() * eps, t) - x0).square().mean(dim=1)
    return (weight(t) * wrong).mean()


LOOP = Exercise(
    id="02.4",
    title="a training loop with its own weighting of times",
    reference=loop(weighted_loss),
    cases=loop_cases,
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
            "divided by the sum of the weights",
            loop(normalised),
            "You divided by the sum of the weights. Asked for is the plain mean over examples.",
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
            "sigma from alpha",
            loop(sigma_from_alpha),
            "sigma is not sqrt(1 - alpha^2) in every schedule: ask schedule.sigma(t).",
        ),
    ],
)

EXERCISES = [GUESS, SAMPLER, FROM_V, LOOP]
