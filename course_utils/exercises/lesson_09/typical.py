"""Exercise 09.2: typical sampling, a filter that may remove the likeliest token."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Mistake


def keep_typical(logits: Tensor, mass: float) -> Tensor:
    """Keep the tokens whose surprise is nearest to the entropy, until they hold the mass."""
    return _kept(logits, mass)


def _far(logs: Tensor) -> Tensor:
    """How far each token's surprise is from its row's entropy."""
    return (-logs - _entropy(logs)).abs()


def _entropy(logs: Tensor) -> Tensor:
    """The entropy of each row, (B, 1); what was removed before adds nothing."""
    return torch.special.entr(logs.exp()).sum(-1, keepdim=True)


def _kept(
    logits: Tensor,
    mass: float,
    *,
    far: Callable[[Tensor], Tensor] = _far,
    crossing: bool = True,
    put_back: bool = True,
    gathered: bool = False,
    normalise: bool = True,
) -> Tensor:
    """The filter, with each of its steps as something that can go wrong."""
    logs = logits.log_softmax(-1) if normalise else logits
    order = far(logs).argsort(-1)
    probs = logits.softmax(-1).gather(-1, order)
    total = probs.cumsum(-1)
    enough = (total - probs if crossing else total) >= mass
    removed = enough.scatter(-1, order, enough) if put_back else enough
    removed = enough.gather(-1, order) if gathered else removed
    return logits.masked_fill(removed, -math.inf)


def _undefined(logs: Tensor) -> Tensor:
    """Distance from an entropy that is NaN where a probability is 0."""
    return (-logs + (logs.exp() * logs).sum(-1, keepdim=True)).abs()


def _all_rows(logs: Tensor) -> Tensor:
    """Distance from the mean entropy of the batch."""
    return (-logs - _entropy(logs).mean()).abs()


def typical_cases() -> list[tuple[Any, ...]]:
    """Sure and unsure rows, a likeliest token that must go, tokens removed before, one row."""
    spread = torch.linspace(0.3, 4, 7)[:, None]
    before = torch.randn(5, 9).masked_fill(torch.rand(5, 9) < 0.4, -math.inf)
    before[:, 0] = 1.0
    # One token of 0.3 and many of about 0.02: the typical surprise is that of the many.
    many = torch.cat([torch.tensor([0.3]), 0.02 + 0.004 * torch.rand(31)])[None].log()
    return [
        (2 * torch.randn(4, 12), 0.6),
        (spread * torch.randn(7, 20), 0.3),
        (spread * torch.randn(7, 20) + 5, 0.9),
        (many, 0.5),
        (before, 0.7),
        (3 * torch.randn(1, 50), 0.2),
    ]


TYPICAL = Exercise(
    id="09.2",
    title="typical sampling, each row by its own entropy",
    reference=keep_typical,
    cases=typical_cases,
    mistakes=[
        Mistake(
            "top-p",
            lambda x, m: _kept(x, m, far=lambda logs: -logs),
            "This is top-p: the likeliest come first. Sort by how far each surprise, -log p, is "
            "from the entropy of its row, on either side: abs().",
        ),
        Mistake(
            "the least typical first",
            lambda x, m: _kept(x, m, far=lambda logs: -_far(logs)),
            "You keep the tokens farthest from the entropy. The nearest come first: ascending "
            "order.",
        ),
        Mistake(
            "one entropy for all rows",
            lambda x, m: _kept(x, m, far=_all_rows),
            "You compare with the mean entropy of the batch. Each row has its own: "
            "sum(-1, keepdim=True).",
        ),
        Mistake(
            "stops before the mass is reached",
            lambda x, m: _kept(x, m, crossing=False),
            "What you keep holds less than the mass, perhaps nothing. The token that reaches it "
            "stays: look at the sum of those before each token.",
        ),
        Mistake(
            "not put back in order",
            lambda x, m: _kept(x, m, put_back=False),
            "Your marks are in sorted order, the logits are not. Put each mark back at the place "
            "that it came from, as on the page.",
        ),
        Mistake(
            "gathered, not scattered",
            lambda x, m: _kept(x, m, gathered=True),
            "gather takes the marks from the places in order; you want to put them there: scatter.",
        ),
        Mistake(
            "an entropy that is no number",
            lambda x, m: _kept(x, m, far=_undefined),
            "Rows with a token of probability 0 go wrong: 0 log 0 is NaN in floats. "
            "torch.special.entr gives 0 there.",
        ),
        Mistake(
            "logits taken for logarithms",
            lambda x, m: _kept(x, m, normalise=False),
            "Logits are not log p: a row may be shifted by any number. Take log_softmax first.",
        ),
        Mistake(
            "probabilities instead of surprises",
            lambda x, m: _kept(x, m, far=lambda logs: (logs.exp() - _entropy(logs)).abs()),
            "You compare probabilities with the entropy, which is in nats. Compare the surprise, "
            "-log p.",
        ),
    ],
)
