"""Exercise 15.1: the chain's error from its links."""

from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Mistake


def blame(right: Tensor) -> tuple[float, float, Tensor]:
    """The chain's share, the product of the links, and who failed first."""
    measured = right.all(1).float().mean().item()
    product = right.float().mean(0).prod().item()
    so_far = torch.cat([torch.ones_like(right[:, :1]), right.cumprod(1).bool()[:, :-1]], 1)
    return measured, product, (so_far & ~right).float().mean(0)


def every_failure(right: Tensor) -> tuple[float, float, Tensor]:
    """Each failure is blamed, also behind another."""
    return (*blame(right)[:2], (~right).float().mean(0))


def of_failures(right: Tensor) -> tuple[float, float, Tensor]:
    """Shares of the failures, not of all requests."""
    measured, product, first = blame(right)
    return measured, product, first / first.sum().clamp(min=1e-9)


def last_failure(right: Tensor) -> tuple[float, float, Tensor]:
    """The last link that failed is blamed."""
    return (*blame(right)[:2], blame(right.flip(1))[2].flip(0))


def mean_of_links(right: Tensor) -> tuple[float, float, Tensor]:
    """The mean of the links in place of their product."""
    measured, _, first = blame(right)
    return measured, right.float().mean().item(), first


def any_right(right: Tensor) -> tuple[float, float, Tensor]:
    """The chain counts as right if its last link is."""
    _, product, first = blame(right)
    return right[:, -1].float().mean().item(), product, first


def numbers(function: Any, *arguments: Any) -> Any:
    """What comes out; the blame may be a list, too."""
    answer = function(*arguments)
    if isinstance(answer, tuple | list) and len(answer) == 3 and isinstance(answer[2], list):
        return answer[0], answer[1], torch.tensor(answer[2])
    return answer


def cases() -> list[tuple[Any, ...]]:
    """Independent links, links that fail together, one link, none that fails, all that fail."""
    free = torch.rand(41, 3) < torch.tensor([0.9, 0.6, 0.75])
    together = (torch.rand(30, 1) < 0.6).expand(30, 4).clone()
    together[::7, 2] = False
    apart = torch.ones(12, 3, dtype=torch.bool)
    apart[:4, 0], apart[4:8, 1], apart[8:, 2] = False, False, False
    return [
        (free,),
        (together,),
        (apart,),
        (torch.rand(17, 1) < 0.5,),
        (torch.ones(5, 2, dtype=torch.bool),),
        (torch.zeros(3, 3, dtype=torch.bool),),
    ]


BLAME = Exercise(
    id="15.1",
    title="the chain's error from its links",
    reference=blame,
    cases=cases,
    probe=numbers,
    mistakes=[
        Mistake(
            "every failure",
            every_failure,
            "A request is blamed on several links. Blame the first that failed: what comes behind "
            "it never had a chance.",
        ),
        Mistake(
            "shares of the failures",
            of_failures,
            "The blame is a share of all requests, so that measured and blame sum to 1. Yours is a "
            "share of the failures.",
        ),
        Mistake(
            "the last failure", last_failure, "You blame the last link that failed, not the first."
        ),
        Mistake(
            "a mean of links",
            mean_of_links,
            "Links follow one another: if they fail independently, their shares multiply.",
        ),
        Mistake(
            "the last link",
            any_right,
            "The chain is right where all its links are, not where the last one is.",
        ),
    ],
)
