"""06.2: count in a text, and back off to shorter contexts."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Mistake


def back_off(text: list[int], context: list[int], vocab_size: int, strength: float) -> Tensor:
    """From uniform over the empty context to the whole one, each level mixed into the next."""
    probs = torch.full((vocab_size,), 1 / vocab_size)
    for length in range(len(context) + 1):
        counts = followers(text, context[len(context) - length :], vocab_size)
        probs = (counts + strength * probs) / (counts.sum() + strength)
    return probs


def followers(text: list[int], context: list[int], vocab_size: int) -> Tensor:
    """(V,) how often each token comes after the context."""
    size = len(context)
    after = [text[i] for i in range(size, len(text)) if text[i - size : i] == context]
    return torch.bincount(torch.tensor(after, dtype=torch.long), minlength=vocab_size).float()


def mixed(
    contexts: Callable[[list[int]], list[list[int]]],
    mix: Callable[[Tensor, Tensor, float], Tensor] = lambda counts, probs, strength: (
        (counts + strength * probs) / (counts.sum() + strength)
    ),
    bottom: Callable[[int], Tensor] = lambda vocab_size: torch.full((vocab_size,), 1 / vocab_size),
) -> Callable[..., Tensor]:
    """An answer from the contexts it counts in their order, a mixing rule, and a lowest level."""

    def answer(text: list[int], context: list[int], vocab_size: int, strength: float) -> Tensor:
        probs = bottom(vocab_size)
        for part in contexts(context):
            probs = mix(followers(text, part, vocab_size), probs, strength)
        return probs

    return answer


def suffixes(context: list[int]) -> list[list[int]]:
    """[], the last token, the last two, ..., the whole context."""
    return [context[i:] for i in range(len(context), -1, -1)]


def back_off_counting_the_end(
    text: list[int], context: list[int], vocab_size: int, strength: float
) -> Tensor:
    """Divides by how often the context occurs, also at the end, where nothing follows."""
    probs = torch.full((vocab_size,), 1 / vocab_size)
    for part in suffixes(context):
        at_end = bool(part) and text[-len(part) :] == part
        total = followers(text, part, vocab_size).sum() + at_end
        probs = (followers(text, part, vocab_size) + strength * probs) / (total + strength)
    return probs


def back_off_adding_up(
    text: list[int], context: list[int], vocab_size: int, strength: float
) -> Tensor:
    """The counts of the shorter contexts are still in those of the longer ones."""
    probs, counts = torch.full((vocab_size,), 1 / vocab_size), torch.zeros(vocab_size)
    for part in suffixes(context):
        counts = counts + followers(text, part, vocab_size)
        probs = (counts + strength * probs) / (counts.sum() + strength)
    return probs


def count_cases() -> list[tuple[Any, ...]]:
    """Contexts seen, unseen and empty, at the end of the text, in runs; large ids; no text."""
    run = [5, 5, 5, 5, 2, 5, 5]
    long = torch.randint(3, (300,)).tolist()
    large = [11, 1, 11, 10, 1, 11, 1, 10, 11, 1, 11]
    return [
        ([0, 1, 2, 0, 1, 3, 0, 1], [0, 1], 4, 2.0),
        ([0, 1, 2, 0, 1, 2, 3, 1, 0], [3, 2], 5, 0.5),
        (run, [5, 5], 6, 1.0),
        (run, [], 6, 3.0),
        (run, [4, 5], 6, 8.0),
        (large, [1, 11], 12, 1.0),
        (large, [10, 1, 11], 14, 4.0),
        (long, long[40:44], 3, 16.0),
        ([2, 0, 2], [1, 2, 0, 2], 3, 0.25),
        ([], [1], 4, 1.0),
    ]


BACK_OFF = Exercise(
    id="06.2",
    title="the next token, by counts that help each other out",
    reference=back_off,
    cases=count_cases,
    tolerance=1e-5,
    mistakes=[
        Mistake(
            "slice from -0",
            mixed(lambda context: [context[-size:] for size in range(len(context) + 1)]),
            "context[-0:] is the whole context, not the empty one. Write "
            "context[len(context) - length :].",
        ),
        Mistake(
            "from the longest to the shortest",
            mixed(lambda context: suffixes(context)[::-1]),
            "The longest context was counted first. Begin at the uniform level, so that the "
            "whole context has the last word.",
        ),
        Mistake(
            "oldest tokens kept",
            mixed(lambda context: [context[:size] for size in range(len(context) + 1)]),
            "The shorter contexts lost their newest token. Leave out the oldest one.",
        ),
        Mistake(
            "whole context only",
            mixed(lambda context: [context]),
            "Only the whole context was counted. Where it is rare, the context without its "
            "oldest token must help out, and so on.",
        ),
        Mistake(
            "empty context left out",
            mixed(lambda context: suffixes(context)[1:]),
            "The empty context was left out: how often each token occurs anywhere.",
        ),
        Mistake(
            "no uniform level",
            mixed(suffixes, bottom=torch.zeros),
            "The lowest level is missing. Begin with probability 1 / V for every token.",
        ),
        Mistake(
            "strength missing below",
            mixed(
                suffixes,
                lambda counts, probs, strength: (
                    (counts + strength * probs) / counts.sum().clamp(min=1)
                ),
            ),
            "The probabilities do not add up to 1. The strength belongs under the line too.",
        ),
        Mistake(
            "shorter context only where nothing was seen",
            mixed(
                suffixes,
                lambda counts, probs, strength: counts / counts.sum() if counts.any() else probs,
            ),
            "One sighting of a context replaced all the shorter ones. Mix the two by the formula.",
        ),
        Mistake(
            "counts replaced by shares",
            mixed(
                suffixes,
                lambda counts, probs, strength: (
                    (counts / counts.sum().clamp(min=1) + strength * probs)
                    / (counts.any() + strength)
                ),
            ),
            "A context seen once weighs as much as one seen often. Mix the counts, not shares.",
        ),
        Mistake(
            "context at the end counted",
            back_off_counting_the_end,
            "The context at the end of the text was counted, but nothing follows it. "
            "c(h) is the number of tokens that followed h.",
        ),
        Mistake(
            "counts not emptied",
            back_off_adding_up,
            "The counts of the shorter contexts are still in those of the longer ones. "
            "Start each length with zeros.",
        ),
    ],
)
