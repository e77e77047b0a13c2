"""04.3: along the arc between two noises."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Mistake


def along_arc(a: Tensor, b: Tensor, share: float) -> Tensor:
    """The point at a share of the way along the arc from a to b."""
    return arc(a, b, share, angles(a, b))


def angles(a: Tensor, b: Tensor) -> Tensor:
    """(B, 1, ...) angle between each pair, all its values taken as one vector."""
    cosine = torch.cosine_similarity(a.flatten(1), b.flatten(1)).clamp(-1, 1)
    return cosine.acos().reshape(-1, *[1] * (a.ndim - 1))


def arc(a: Tensor, b: Tensor, share: float, angle: Tensor) -> Tensor:
    """The formula, and the straight line where the angle is none."""
    straight = angle.sin().abs() < 1e-4
    size = torch.where(straight, 1.0, angle.sin())
    of_a = torch.where(straight, 1 - share, ((1 - share) * angle).sin() / size)
    of_b = torch.where(straight, share, (share * angle).sin() / size)
    return of_a * a + of_b * b


def arc_cases() -> list[tuple[Any, ...]]:
    """Vectors and images; other lengths, sharp and blunt angles, parallel pairs, both ends.

    No two point opposite ways: the arc between them is not defined.
    """
    a, b = torch.randn(2, 4, 3)
    images, others = torch.randn(2, 3, 2, 4, 4)
    same, far = torch.randn(2, 5)
    calls: list[tuple[Any, ...]] = [
        (a, 3 * b, 0.3),
        (images, others, 0.5),
        (images[:2], others[:2], 0.8),
        (torch.stack([same, far]), torch.stack([2 * same, same]), 0.25),
        (a[:1], b[:1], 0.0),
        (b[:3], a[:3], 1.0),
        (torch.randn(6, 1, 8), torch.randn(6, 1, 8) + 2, 0.6),
    ]
    long, beside = 30 * torch.randn(2, 4, 1, 8, 8)
    return [*calls, (long, 1.5 * long + 0.15 * beside, 0.4)]  # about 5 degrees


def of_angle(angle: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """An answer with other angles."""
    return lambda a, b, share: arc(a, b, share, angle(a, b))


def unit(x: Tensor) -> Tensor:
    """Each example, of length 1."""
    return x / x.flatten(1).norm(dim=1).reshape(-1, *[1] * (x.ndim - 1))


def without_the_line(a: Tensor, b: Tensor, share: float) -> Tensor:
    """The formula alone."""
    angle = angles(a, b)
    return (((1 - share) * angle).sin() * a + (share * angle).sin() * b) / angle.sin()


def straight_when_near(a: Tensor, b: Tensor, share: float) -> Tensor:
    """The straight line wherever the cosine is above 0.95."""
    near = angles(a, b).cos() > 0.95
    return torch.where(near, straight_line(a, b, share), along_arc(a, b, share))


def one_angle(a: Tensor, b: Tensor) -> Tensor:
    """One angle for the whole batch."""
    return angles(a.flatten()[None], b.flatten()[None]).reshape(1, *[1] * (a.ndim - 1))


def along_last_axis(a: Tensor, b: Tensor, share: float) -> Tensor:
    """An angle for each row of an image."""
    cosine = torch.cosine_similarity(a, b, dim=-1).clamp(-1, 1)
    return arc(a, b, share, cosine.acos()[..., None])


def not_normalised(a: Tensor, b: Tensor) -> Tensor:
    """The angle from a dot product of vectors of any length."""
    dot = (a * b).flatten(1).sum(1).clamp(-1, 1)
    return dot.acos().reshape(-1, *[1] * (a.ndim - 1))


def straight_line(a: Tensor, b: Tensor, share: float) -> Tensor:
    """The straight line."""
    return (1 - share) * a + share * b


def root_weights(a: Tensor, b: Tensor, share: float) -> Tensor:
    """Keeps the variance of independent noises only."""
    return (1 - share) ** 0.5 * a + share**0.5 * b


ARC = Exercise(
    id="04.3",
    title="along the arc between two noises",
    reference=along_arc,
    cases=arc_cases,
    mistakes=[
        Mistake(
            "straight line",
            straight_line,
            "This is the straight line. On the arc the weights are sines of parts of the angle.",
        ),
        Mistake(
            "ends swapped",
            lambda a, b, share: along_arc(b, a, share),
            "The ends are swapped: share 0 is a, share 1 is b.",
        ),
        Mistake(
            "parallel states",
            without_the_line,
            "Where both point the same way, sin(angle) is nearly 0. Take the straight line there.",
        ),
        Mistake(
            "not a number made 0",
            lambda a, b, share: without_the_line(a, b, share).nan_to_num(),
            "Where both point the same way the answer is the straight line, not 0. A little number "
            "below the line, or nan_to_num, does not give it: use torch.where.",
        ),
        Mistake(
            "straight line at small angles",
            straight_when_near,
            "The straight line is for an angle of 0 alone. At a few degrees the arc is another.",
        ),
        Mistake(
            "one angle for the batch",
            of_angle(one_angle),
            "This takes one angle for the whole batch. Each example has its own: flatten(1).",
        ),
        Mistake(
            "angle of each row",
            along_last_axis,
            "An angle was taken along the last axis alone. An image is one vector: flatten it.",
        ),
        Mistake(
            "not normalised",
            of_angle(not_normalised),
            "The dot product is the cosine only of vectors of length 1: divide by both lengths.",
        ),
        Mistake(
            "result has length one",
            lambda a, b, share: along_arc(unit(a), unit(b), share),
            "You normalised a and b for the result too. Only the angle needs that.",
        ),
        Mistake(
            "cosine for the angle",
            of_angle(lambda a, b: angles(a, b).cos()),
            "This uses the cosine as if it were the angle: take acos of it.",
        ),
        Mistake(
            "angle in half turns",
            of_angle(lambda a, b: angles(a, b) / torch.pi * 180),
            "sin wants radians, which acos gives already.",
        ),
        Mistake(
            "roots for weights",
            root_weights,
            "Weights sqrt(1 - w) and sqrt(w) keep the length only at right angles, and do not "
            "move evenly. Use the sines.",
        ),
        Mistake(
            "cosines of the parts",
            lambda a, b, share: (
                (share * torch.pi / 2 * torch.ones(())).cos() * a
                + (share * torch.pi / 2 * torch.ones(())).sin() * b
            ),
            "This takes a right angle for granted. Compute the angle of each pair.",
        ),
    ],
)
