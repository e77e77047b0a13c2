"""Exercise 12.2: the sigmoid loss of pairs."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises import Exercise, Mistake, gradient


def yes_or_no(images: Tensor, texts: Tensor, same: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    """Each pair is a question."""
    return _loss(images, texts, same, scale, bias)


def _loss(
    images: Tensor,
    texts: Tensor,
    same: Tensor,
    scale: Tensor,
    bias: Tensor,
    *,
    naive: bool = False,
    over: str = "texts",
) -> Tensor:
    logits = scale * images @ texts.T + bias
    signs = torch.where(same, 1.0, -1.0)
    each = -torch.sigmoid(signs * logits).log() if naive else -F.logsigmoid(signs * logits)
    if over == "all":
        return each.mean()
    return each.sum() if over == "none" else each.sum(1).mean()


def with_gradients(function: Any, *arguments: Any) -> tuple[Any, ...]:
    """The loss, and what flows to the images, the scale and the bias."""
    loss = function(*arguments)
    images, _, _, scale, bias = arguments
    return (
        loss,
        gradient(loss, images),
        gradient(loss, scale),
        gradient(loss, bias),
    )


def cases() -> list[tuple[Any, ...]]:
    """Sizes unlike each other, captions that come twice, a scale that overflows, one pair.

    In one case image 0 belongs to text 2, but not image 2 to text 0: rows are images.
    """

    def case(num: int, width: int, scale: float, bias: float, twins: int = 0) -> tuple[Any, ...]:
        images, texts = F.normalize(torch.randn(2, num, width), dim=-1)
        kinds = torch.arange(num)
        kinds[:twins] = 0
        return (
            images.requires_grad_(),
            texts,
            kinds[:, None] == kinds[None],
            torch.tensor(scale, requires_grad=True),
            torch.tensor(bias, requires_grad=True),
        )

    uneven = case(6, 4, 6.0, -1.0)
    uneven[2][0, 2] = True
    return [
        uneven,
        case(4, 3, 1.0, 0.0),
        case(7, 5, 8.0, -2.0),
        case(5, 8, 10.0, -10.0, twins=3),
        case(6, 2, 300.0, -40.0),
        case(3, 4, 2.5, 1.5, twins=3),
        case(1, 6, 5.0, -1.0),
    ]


SIGMOID = Exercise(
    id="12.2",
    title="the sigmoid loss",
    reference=yes_or_no,
    cases=cases,
    probe=with_gradients,
    mistakes=[
        Mistake(
            "the logarithm of a sigmoid",
            lambda *a: _loss(*a, naive=True),
            "With large logits the sigmoid is exactly 0, and its logarithm infinite. F.logsigmoid "
            "computes both in one.",
        ),
        Mistake(
            "the mean of all pairs",
            lambda *a: _loss(*a, over="all"),
            "You took the mean over all B^2 pairs. Sum over the texts of an image, then take the "
            "mean over the images: .sum(1).mean().",
        ),
        Mistake(
            "the sum of all pairs",
            lambda *a: _loss(*a, over="none"),
            "You summed over the images, too. Take the mean over them.",
        ),
        Mistake(
            "the diagonal alone is right",
            lambda i, t, same, s, b: _loss(i, t, torch.eye(len(i), dtype=torch.bool), s, b),
            "A caption that comes twice belongs to both of its images: same says so, also off the "
            "diagonal.",
        ),
        Mistake(
            "no bias",
            lambda i, t, same, s, b: _loss(i, t, same, s, 0 * b),
            "The bias is missing in the logits.",
        ),
        Mistake(
            "the bias is scaled",
            lambda i, t, same, s, b: _loss(i, t, same, s, s * b),
            "The bias is added after the scale: s <x, y> + b.",
        ),
        Mistake(
            "all belong together",
            lambda i, t, same, s, b: _loss(i, t, torch.ones_like(same), s, b),
            "Every pair is treated as belonging together. For the others the sign of the logit "
            "turns.",
        ),
        Mistake(
            "only those that belong together",
            lambda i, t, same, s, b: (-F.logsigmoid(s * i @ t.T + b) * same).sum(1).mean(),
            "The pairs that do not belong together are left out. Then a large bias answers all.",
        ),
        Mistake(
            "the other way round",
            lambda i, t, same, s, b: _loss(i, t, ~same, s, b),
            "The signs are exchanged: +1 for those that belong together.",
        ),
    ],
)
