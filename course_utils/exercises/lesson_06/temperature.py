"""06.1: probabilities at a temperature."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from course_utils.exercises import Exercise, Mistake

INF = float("inf")


def temper(scores: Tensor, temperature: float) -> Tensor:
    """softmax(scores / temperature); at 0 all probability on the best token."""
    if temperature == 0:
        return one_hot(scores.argmax(-1), scores.shape[-1]).to(scores.dtype)
    return (scores / temperature).softmax(dim=-1)


def positive(formula: Callable[[Tensor, float], Tensor]) -> Callable[[Tensor, float], Tensor]:
    """The formula, beside a right answer at temperature 0."""
    return lambda scores, temperature: (
        formula(scores, temperature) if temperature else temper(scores, 0)
    )


def normalised(weights: Tensor, **options: Any) -> Tensor:
    """Weights over their sum; the options are those of the sum."""
    return weights / weights.sum(**options)


def score_cases() -> list[tuple[Any, ...]]:
    """Mild, impossible, very unlikely and overflowing scores; temperatures small, large and 0."""
    impossible = torch.tensor([[0.0, -INF, 2.0, -1e4], [-INF, -1.0, 0.0, -INF]])
    extreme = torch.tensor([[1e4, 1e4 - 1, -1e4], [-1e4, -1e4 - 2, -1e4 - 1]])
    unlikely = torch.tensor([[-500.0, -INF, -499.0]])
    return [
        (torch.randn(2, 5), 1.0),
        (3 * torch.randn(4, 4), 0.5),
        (torch.randn(1, 7), 2.0),
        (impossible, 0.7),
        (extreme, 1.5),
        (unlikely, 1.0),
        (0.01 * torch.randn(3, 4), 0.01),
        (torch.tensor([[0.0, 200.0, 400.0]]), 100.0),  # exp(-400) is 0, its 100th root is not
        (torch.randn(3, 6), 0),
        (impossible, 0),
    ]


TEMPERATURE = Exercise(
    id="06.1",
    title="probabilities at a temperature",
    reference=temper,
    cases=score_cases,
    tolerance=1e-3,  # a difference of large scores keeps no more digits
    mistakes=[
        Mistake(
            "temperature zero forgotten",
            lambda scores, temperature: (scores / temperature).softmax(-1),
            "Temperature 0 divides by zero. There the best token gets probability 1, by an if.",
        ),
        Mistake(
            "a small number added to the temperature",
            lambda scores, temperature: (scores / (temperature + 1e-3)).softmax(-1),
            "A small number was added to the temperature. That changes low ones, and 0 is still "
            "not 0: treat it by an if.",
        ),
        Mistake(
            "impossible made unlikely",
            lambda scores, temperature: temper(scores.clamp(min=-100), temperature),
            "An impossible token got a chance. Leave -inf as it is: its exp is 0.",
        ),
        Mistake(
            "powers of the probabilities",
            positive(
                lambda scores, temperature: normalised(
                    scores.softmax(-1) ** (1 / temperature), dim=-1, keepdim=True
                )
            ),
            "A tiny probability was rounded to 0 before its power was taken. Divide the logits by "
            "the temperature, then take the softmax.",
        ),
        Mistake(
            "temperature ignored",
            positive(lambda scores, temperature: scores.softmax(-1)),
            "The temperature changes nothing. Divide the scores by it before the softmax.",
        ),
        Mistake(
            "multiplied",
            positive(lambda scores, temperature: (scores * temperature).softmax(-1)),
            "A high temperature must make the choice more even, so divide by it.",
        ),
        Mistake(
            "divided too late",
            positive(lambda scores, temperature: scores.softmax(-1) / temperature),
            "The probabilities were divided, and add up to 1 no longer. Divide the scores.",
        ),
        Mistake(
            "softmax over the texts",
            positive(lambda scores, temperature: (scores / temperature).softmax(0)),
            "The softmax ran over the texts of the batch. Run it over the vocabulary, dim=-1.",
        ),
        Mistake(
            "one sum for all texts",
            positive(
                lambda scores, temperature: normalised(
                    (scores / temperature - scores.max() / temperature).exp()
                )
            ),
            "All rows together add up to 1. Each row must: sum over the vocabulary only.",
        ),
        Mistake(
            "sum without keepdim",
            positive(lambda scores, temperature: normalised((scores / temperature).exp(), dim=-1)),
            "The sums, one a row, were laid along the columns. Keep their axis: "
            ".sum(dim=-1, keepdim=True).",
        ),
        Mistake(
            "exp overflows",
            positive(
                lambda scores, temperature: normalised(
                    (scores / temperature).exp(), dim=-1, keepdim=True
                )
            ),
            "exp of a large score is infinite, and inf / inf is not a number. Subtract each "
            "row's largest score first, or use torch's softmax.",
        ),
        Mistake(
            "whole numbers at zero",
            lambda scores, temperature: (
                temper(scores, temperature)
                if temperature
                else one_hot(scores.argmax(-1), scores.shape[-1])
            ),
            "At temperature 0 these are whole numbers. Probabilities are floating point: "
            "add .float().",
        ),
        Mistake(
            "place of the best at zero",
            lambda scores, temperature: (
                temper(scores, temperature) if temperature else scores.argmax(-1)
            ),
            "At temperature 0 that is the number of the best token. Return probabilities: 1 "
            "at that place, 0 at the others.",
        ),
    ],
)
