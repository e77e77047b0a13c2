"""Exercises of lesson 06: token prediction."""

from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Mistake
from course_utils.language.byte_pairs import merge

Pair = tuple[int, int]


def join_without_skipping(tokens: list[int], pair: Pair, new: int) -> list[int]:
    """The right neighbour of a joined pair stays in the text."""
    after = [*tokens[1:], None]
    return [new if here == pair else here[0] for here in zip(tokens, after, strict=True)]


def join_overlapping(tokens: list[int], pair: Pair, new: int) -> list[int]:
    """A token may belong to two pairs: 7 7 7 becomes two new tokens."""
    hits = [i for i in range(len(tokens) - 1) if tuple(tokens[i : i + 2]) == pair]
    gone = {i + 1 for i in hits}
    return [new if i in hits else t for i, t in enumerate(tokens) if i in hits or i not in gone]


def join_first_only(tokens: list[int], pair: Pair, new: int) -> list[int]:
    """Stops after the first pair."""
    for i in range(len(tokens) - 1):
        if tuple(tokens[i : i + 2]) == pair:
            return [*tokens[:i], new, *tokens[i + 2 :]]
    return list(tokens)


def join_losing_the_last(tokens: list[int], pair: Pair, new: int) -> list[int]:
    """Stops one place early, where no pair can begin, and drops what stands there."""
    joined, position = [], 0
    while position < len(tokens) - 1:
        found = tuple(tokens[position : position + 2]) == pair
        joined.append(new if found else tokens[position])
        position += 2 if found else 1
    return joined


def join_from_the_right(tokens: list[int], pair: Pair, new: int) -> list[int]:
    """In 7 7 7 the last two are joined instead of the first two."""
    return merge(tokens[::-1], pair[::-1], new)[::-1]


def join_either_order(tokens: list[int], pair: Pair, new: int) -> list[int]:
    """Joins (5, 7) where (7, 5) was asked."""
    joined, position = [], 0
    while position < len(tokens):
        found = sorted(tokens[position : position + 2]) == sorted(pair)
        joined.append(new if found else tokens[position])
        position += 2 if found else 1
    return joined


def pair_cases() -> list[tuple[Any, ...]]:
    """Pairs far apart, at both ends, a run of equal tokens, no pair at all, no text at all."""
    return [
        ([1, 2, 3, 1, 2, 2, 1, 1, 2], (1, 2), 9),
        ([7, 7, 7, 5, 7, 7], (7, 7), 8),
        ([4, 5, 6], (6, 4), 9),
        ([], (1, 2), 9),
    ]


def inputs_and_targets(tokens: Tensor) -> tuple[Tensor, Tensor]:
    """A batch of texts as inputs, and the token after each."""
    return tokens[:, :-1], tokens[:, 1:]


def token_cases() -> list[tuple[Any, ...]]:
    """Batches of different shapes, one of them square."""
    return [(torch.randint(50, shape),) for shape in ((2, 6), (4, 4), (1, 9))]


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean of -log softmax(logits) at the targets, in nats."""
    return -picked(logits.log_softmax(dim=-1), targets).mean()


def picked(values: Tensor, targets: Tensor) -> Tensor:
    """The values (B, T, V) at the targets: (B, T)."""
    return values.gather(-1, targets.unsqueeze(-1)).squeeze(-1)


def logit_cases() -> list[tuple[Any, ...]]:
    """Few tokens and a batch that is as long as its vocabulary, so that a wrong axis runs too."""
    return [
        (spread * torch.randn(batch, length, vocab), torch.randint(vocab, (batch, length)))
        for batch, length, vocab, spread in ((2, 3, 5, 1.0), (4, 4, 4, 3.0))
    ]


EXERCISES = [
    Exercise(
        id="06.1",
        title="one byte-pair merge, from left to right",
        reference=merge,
        cases=pair_cases,
        mistakes=[
            Mistake(
                "nothing joined",
                lambda tokens, pair, new: list(tokens),
                "Nothing was joined. A slice of a list never equals a tuple: write "
                "tuple(tokens[i : i + 2]) == pair. In a for loop i += 2 skips nothing: use while.",
            ),
            Mistake(
                "last token lost",
                join_losing_the_last,
                "The last token is gone. It begins no pair, but it stays in the text.",
            ),
            Mistake(
                "second token kept",
                join_without_skipping,
                "The right half of a joined pair is still there. After a pair go on two places.",
            ),
            Mistake(
                "overlapping pairs",
                join_overlapping,
                "A token was used twice: 7 7 7 holds one pair (7, 7) and a 7 that is left over.",
            ),
            Mistake(
                "first pair only",
                join_first_only,
                "Only the first pair was joined. Go on to the end of the text.",
            ),
            Mistake(
                "from the right",
                join_from_the_right,
                "In 7 7 7 the last two were joined. Read from left to right: the first two.",
            ),
            Mistake(
                "either order",
                join_either_order,
                "The pair has an order: 1 2 is joined, 2 1 is not.",
            ),
        ],
    ),
    Exercise(
        id="06.2",
        title="inputs, and the token that follows each of them",
        reference=inputs_and_targets,
        cases=token_cases,
        mistakes=[
            Mistake(
                "not shifted",
                lambda tokens: (tokens[:, :-1], tokens[:, :-1]),
                "The targets are the inputs: a model would learn to copy. Shift them by one.",
            ),
            Mistake(
                "swapped",
                lambda tokens: (tokens[:, 1:], tokens[:, :-1]),
                "Inputs and targets are swapped: this asks for the token before, not after.",
            ),
            Mistake(
                "rolled around",
                lambda tokens: (tokens, tokens.roll(-1, dims=1)),
                "The last target is the first token of the text, which does not follow. Leave "
                "out the last input instead of rolling.",
            ),
            Mistake(
                "shifted by two",
                lambda tokens: (tokens[:, :-2], tokens[:, 2:]),
                "The targets are two places ahead. The next token is one place ahead.",
            ),
            Mistake(
                "shifted along the batch",
                lambda tokens: (tokens[:-1], tokens[1:]),
                "That shifts from one text of the batch to the next. Shift the places, dim 1.",
            ),
            Mistake(
                "inputs too long",
                lambda tokens: (tokens, tokens[:, 1:]),
                "There is one input more than targets. Nothing is known to follow the last token: "
                "leave it out of the inputs.",
            ),
            Mistake(
                "last token only",
                lambda tokens: (tokens[:, :-1], tokens[:, -1]),
                "That is one target for each text. Every input has a token that follows it.",
            ),
        ],
    ),
    Exercise(
        id="06.3",
        title="cross-entropy of the next token, in nats",
        reference=cross_entropy,
        cases=logit_cases,
        mistakes=[
            Mistake(
                "missing minus",
                lambda logits, targets: -cross_entropy(logits, targets),
                "The sign is turned around: a log-probability is negative, a loss is positive.",
            ),
            Mistake(
                "bits",
                lambda logits, targets: cross_entropy(logits, targets) / torch.tensor(2.0).log(),
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
                "softmax twice",
                lambda logits, targets: cross_entropy(logits.softmax(dim=-1), targets),
                "The softmax was taken twice. Cross-entropy takes the logits as they are.",
            ),
            Mistake(
                "averaged over the vocabulary",
                lambda logits, targets: -logits.log_softmax(dim=-1).mean(),
                "All tokens of the vocabulary count here. Pick the target's log-probability alone.",
            ),
        ],
    ),
]
