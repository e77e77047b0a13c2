"""Exercise 13.1: how likely two words that are drawn apart are to be able to stand together."""

from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Mistake


def drawn_apart(joint: Tensor) -> float:
    """The mass of the product of the two marginals where the joint is above 0."""
    apart = joint.sum(1, keepdim=True) * joint.sum(0, keepdim=True)
    return apart[joint > 0].sum().item()


def cases() -> list[tuple[Any, ...]]:
    """Twins, unequal vocabularies, all possible, a rare pair, one pair only, an empty row."""
    twins = torch.eye(8) / 8
    some = torch.rand(4, 6) * (torch.rand(4, 6) < 0.5)
    some[0, 0] = 0.5
    lean = torch.tensor([[0.5, 0.0005, 0.0], [0.0, 0.3, 0.0995], [0.0, 0.0, 0.1]])
    only = torch.zeros(3, 2)
    only[1, 0] = 1.0
    tall = torch.rand(7, 2) * torch.tensor(
        [[1.0, 0.0], [0, 1], [1, 1], [1, 0], [0, 0], [1, 1], [0, 1]]
    )
    return [
        (twins,),
        (some / some.sum(),),
        (torch.full((3, 5), 1 / 15),),
        (lean,),
        (only,),
        (tall / tall.sum(),),
    ]


APART = Exercise(
    id="13.1",
    title="how often two words drawn apart can stand together",
    reference=drawn_apart,
    cases=cases,
    mistakes=[
        Mistake(
            "the mass of the joint",
            lambda joint: joint[joint > 0].sum().item(),
            "That is 1 always: pairs drawn together are possible. Drawn apart, a pair has the "
            "product of its two own probabilities.",
        ),
        Mistake(
            "the share of cells",
            lambda joint: (joint > 0).float().mean().item(),
            "You count pairs, as if all were as likely. Weigh each by the product of its two "
            "words' own probabilities.",
        ),
        Mistake(
            "the impossible ones",
            lambda joint: 1 - drawn_apart(joint),
            "That is how often the pair is impossible.",
        ),
        Mistake(
            "the two are the same word",
            lambda joint: (
                (joint.sum(1)[: min(joint.shape)] * joint.sum(0)[: min(joint.shape)]).sum().item()
            ),
            "You ask that both words have the same number. Possible is where joint is above 0.",
        ),
        Mistake(
            "the sum of the two",
            lambda joint: (
                (joint.sum(1, keepdim=True) + joint.sum(0, keepdim=True))[joint > 0].sum().item()
                / 2
            ),
            "Two words that do not know of each other have the product of their probabilities, not "
            "the sum.",
        ),
        Mistake(
            "as likely as together",
            lambda joint: (
                (joint * joint.sum(1, keepdim=True) * joint.sum(0, keepdim=True)).sum().item()
            ),
            "You weigh by joint once more. It only says which pairs are possible.",
        ),
    ],
)
