"""06.5: bits per byte."""

import math
from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Mistake


def bits_a_byte(losses: Tensor, text: str) -> Tensor:
    """The nats of all tokens, in bits, over the bytes of the text."""
    return losses.sum() / (math.log(2) * len(text.encode()))


def loss_cases() -> list[tuple[Any, ...]]:
    """Letters of one byte and of several, one token, a certain text, a long one."""
    return [
        (torch.tensor([0.5, 2.0, 1.5]), "Mia found"),
        (torch.tensor([3.0]), "Zoë"),
        (torch.tensor([4.0, 0.1, 0.0, 2.5]), "東京 🦜"),
        (torch.zeros(5), "certain"),
        (5 * torch.rand(400), "a kite and a drum, née élan. " * 30),
    ]


BITS = Exercise(
    id="06.5",
    title="bits for each byte of a text",
    reference=bits_a_byte,
    cases=loss_cases,
    mistakes=[
        Mistake(
            "characters",
            lambda losses, text: losses.sum() / (math.log(2) * len(text)),
            "That divides by characters. ë has two bytes, 東 three: len(text.encode()).",
        ),
        Mistake(
            "nats",
            lambda losses, text: losses.sum() / len(text.encode()),
            "Those are nats for each byte. A bit is log 2 = 0.69 nats.",
        ),
        Mistake(
            "log 2 on the wrong side",
            lambda losses, text: losses.sum() * math.log(2) / len(text.encode()),
            "A bit is smaller than a nat, so there are more of them: divide by log 2.",
        ),
        Mistake(
            "mean of the losses",
            lambda losses, text: losses.mean() / (math.log(2) * len(text.encode())),
            "The mean was divided by the length once more. The text costs the sum.",
        ),
        Mistake(
            "bits a token",
            lambda losses, text: losses.mean() / math.log(2),
            "Those are bits a token. Divide the bits of the whole text by its bytes.",
        ),
    ],
)
