"""06.3: cross-entropy by hand."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from course_utils.exercises import Exercise, Mistake, gradient

INF = float("inf")


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean of -log softmax(logits) at the targets, in nats."""
    return -picked(logits.log_softmax(dim=-1), targets).mean()


def loss_and_gradient(
    cross_entropy: Callable[[Tensor, Tensor], Tensor], logits: Tensor, targets: Tensor
) -> tuple[Tensor, Tensor]:
    """The loss, and what a network would learn from it: its gradient by the logits."""
    logits = logits.clone().requires_grad_()
    loss = cross_entropy(logits, targets)
    return loss, gradient(loss, logits)


def picked(values: Tensor, targets: Tensor) -> Tensor:
    """The values (B, T, V) at the targets: (B, T)."""
    return values.gather(-1, targets.unsqueeze(-1)).squeeze(-1)


def through_one_hot(logits: Tensor, targets: Tensor) -> Tensor:
    """A sum over one-hot targets: -inf * 0 is not a number."""
    return -(logits.log_softmax(-1) * one_hot(targets, logits.shape[-1])).sum(-1).mean()


def logit_cases() -> list[tuple[Any, ...]]:
    """Few tokens, a cube of equal sides, impossible tokens, scores that overflow or vanish."""
    unlike = torch.tensor([[[0.0, 1.0, 2.0], [1e3, 1e3 - 1, 0.0]]])
    mild = [
        (spread * torch.randn(batch, length, vocab), torch.randint(vocab, (batch, length)))
        for batch, length, vocab, spread in ((2, 3, 5, 1.0), (4, 4, 4, 3.0), (1, 9, 12, 0.0))
    ]
    impossible = torch.tensor([[[0.0, -INF, 1.0], [2.0, 0.5, -INF]]])
    huge, tiny = torch.tensor([[[1e4, 1e4 - 1, 0.0]]]), torch.tensor([[[0.0, -1e4, 1.0, 2.0]]])
    return [
        *mild,
        (impossible, torch.tensor([[0, 1]])),
        (huge, torch.tensor([[1]])),
        (tiny, torch.tensor([[1]])),
        (unlike, torch.tensor([[2, 1]])),
    ]


CROSS_ENTROPY = Exercise(
    id="06.3",
    title="cross-entropy of the next token, in nats",
    reference=cross_entropy,
    cases=logit_cases,
    probe=loss_and_gradient,
    tolerance=1e-3,  # a difference of large scores keeps no more digits
    mistakes=[
        Mistake(
            "missing minus",
            lambda logits, targets: -cross_entropy(logits, targets),
            "The sign is turned around: a log-probability is negative, a loss is positive.",
        ),
        Mistake(
            "bits",
            lambda logits, targets: cross_entropy(logits, targets) / math.log(2),
            "That is in bits, from log2. Nats need the natural logarithm.",
        ),
        Mistake(
            "softmax over the places",
            lambda logits, targets: -picked(logits.log_softmax(dim=1), targets).mean(),
            "The softmax ran over the places of the text. Run it over the vocabulary, dim=-1.",
        ),
        Mistake(
            "softmax over the batch",
            lambda logits, targets: -picked(logits.log_softmax(dim=0), targets).mean(),
            "The softmax ran over the texts of the batch. Run it over the vocabulary, dim=-1.",
        ),
        Mistake(
            "sum instead of mean",
            lambda logits, targets: cross_entropy(logits, targets) * targets.numel(),
            "That is the sum over all tokens. The loss is the mean, in nats a token.",
        ),
        Mistake(
            "mean over the batch only",
            lambda logits, targets: cross_entropy(logits, targets) * targets.shape[1],
            "That is the loss of a whole text. Divide by the number of tokens too.",
        ),
        Mistake(
            "not averaged",
            lambda logits, targets: -picked(logits.log_softmax(dim=-1), targets),
            "Right for each token. One number is asked: take the mean.",
        ),
        Mistake(
            "no softmax",
            lambda logits, targets: -picked(logits, targets).mean(),
            "Those are the logits themselves. log_softmax turns them into log-probabilities.",
        ),
        Mistake(
            "no logarithm",
            lambda logits, targets: -picked(logits.softmax(dim=-1), targets).mean(),
            "That is the mean probability. Take the logarithm of each before the mean.",
        ),
        Mistake(
            "logarithm of the mean",
            lambda logits, targets: -picked(logits.softmax(dim=-1), targets).mean().log(),
            "The logarithm came after the mean. First -log p of each token, then the mean.",
        ),
        Mistake(
            "a number without a gradient",
            lambda logits, targets: cross_entropy(logits, targets).item(),
            "The number is right, but no gradient flows from it, and a network could learn "
            "nothing. Return the tensor: leave out .item() and float().",
        ),
        Mistake(
            "softmax twice",
            lambda logits, targets: cross_entropy(logits.softmax(dim=-1), targets),
            "The softmax was taken twice. Cross-entropy takes the logits as they are.",
        ),
        Mistake(
            "averaged over the vocabulary",
            lambda logits, targets: -logits.log_softmax(dim=-1).mean(),
            "All tokens of the vocabulary count here. Pick the target's log-probability alone.",
        ),
        Mistake(
            "probability vanished",
            lambda logits, targets: -picked(logits.softmax(dim=-1), targets).log().mean(),
            "A tiny probability was rounded to 0, and its logarithm is -inf. log_softmax "
            "never leaves the logarithms.",
        ),
        Mistake(
            "exp overflows",
            lambda logits, targets: (
                -picked(logits.exp() / logits.exp().sum(-1, keepdim=True), targets).log().mean()
            ),
            "exp of a large logit is infinite, and inf / inf is not a number. log_softmax "
            "subtracts the largest logit first.",
        ),
        Mistake(
            "logsumexp by hand overflows",
            lambda logits, targets: (logits.exp().sum(-1).log() - picked(logits, targets)).mean(),
            "exp of a large logit is infinite, and so is the loss. torch.logsumexp subtracts "
            "the largest logit first.",
        ),
        Mistake(
            "the largest of all taken away",
            lambda logits, targets: (
                (logits - logits.max()).exp().sum(-1).log() - picked(logits - logits.max(), targets)
            ).mean(),
            "The largest of all logits was taken from every place. Where all are much smaller "
            "every exp is 0, and its log -inf. Each place needs its own: amax(-1, keepdim=True).",
        ),
        Mistake(
            "-inf * 0",
            through_one_hot,
            "An impossible token has the log-probability -inf, and -inf * 0 is not a number. "
            "Pick the target by gather instead of multiplying by one-hot rows.",
        ),
    ],
)
