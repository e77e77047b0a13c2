"""Exercise 09.3: beam search on a function that says log-probabilities."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Mistake, WrongAnswer

Says = Callable[[Tensor], Tensor]


def search(next_logs: Says, start: Tensor, width: int, num_steps: int) -> tuple[Tensor, Tensor]:
    """Keep the `width` likeliest of all continuations of all beams, step by step."""
    return _beams(next_logs, start, width, num_steps)


def _beams(
    next_logs: Says,
    start: Tensor,
    width: int,
    num_steps: int,
    *,
    copies: bool = False,
    remember: bool = True,
    per_beam: bool = False,
    swapped: bool = False,
    same_beam: bool = False,
    largest: bool = True,
) -> tuple[Tensor, Tensor]:
    """The search, with each of its steps as something that can go wrong."""
    texts = start[None].expand(width if copies else 1, -1)
    scores = torch.zeros(len(texts))
    for _ in range(num_steps):
        logs = next_logs(texts)  # (W, V)
        size = logs.shape[1]
        total = scores[:, None] + logs if remember else logs
        if per_beam and len(texts) == width:  # each beam goes on greedily
            best = torch.arange(width) * size + total.argmax(1)
            scores = total.amax(1)
            order = scores.argsort(descending=True)
            best, scores = best[order], scores[order]
        else:
            scores, best = total.flatten().topk(min(width, total.numel()), largest=largest)
        beam, new = best // size, best % size
        if swapped:
            beam, new = best % size % len(texts), best // size % size
        if same_beam:
            beam = torch.arange(len(best)) % len(texts)
        texts = torch.cat([texts[beam], new[:, None]], dim=1)
    return texts, scores


def _greedy(next_logs: Says, start: Tensor, width: int, num_steps: int) -> tuple[Tensor, Tensor]:
    """One text, the likeliest token at each step."""
    return _beams(next_logs, start, 1, num_steps)


def _mean(next_logs: Says, start: Tensor, width: int, num_steps: int) -> tuple[Tensor, Tensor]:
    """The right texts with the mean log-probability of a token."""
    texts, scores = _beams(next_logs, start, width, num_steps)
    return texts, scores / num_steps


def _without_start(
    next_logs: Says, start: Tensor, width: int, num_steps: int
) -> tuple[Tensor, Tensor]:
    """The new tokens alone."""
    texts, scores = _beams(next_logs, start, width, num_steps)
    return texts[:, len(start) :], scores


def _ascending(next_logs: Says, start: Tensor, width: int, num_steps: int) -> tuple[Tensor, Tensor]:
    """The right texts, the likeliest last."""
    texts, scores = _beams(next_logs, start, width, num_steps)
    return texts.flip(0), scores.flip(0)


def teller(seed: int, size: int, sharp: float) -> Says:
    """Log-probabilities that hang on the last two tokens, for texts (W, T) of any number."""
    table = sharp * torch.randn(size, size, size, generator=torch.Generator().manual_seed(seed))
    table = table.log_softmax(-1)

    def next_logs(tokens: Tensor) -> Tensor:
        if not isinstance(tokens, Tensor) or tokens.ndim != 2:
            raise WrongAnswer("next_logs takes texts of shape (W, T); for a single one text[None].")
        if tokens.shape[1] < 2:
            raise WrongAnswer("next_logs needs the whole texts, with their start.")
        return table[tokens[:, -2], tokens[:, -1]]

    return next_logs


def beam_cases() -> list[tuple[Any, ...]]:
    """Wide and narrow beams, fewer texts than beams, one beam, one step, starts of unlike length.

    In a vocabulary of 1 + 3 the bait is taken: token 1 is likelier than 2, what follows 2 is sure.
    """
    bait = torch.full((4, 4), 0.01)
    bait[0] = torch.tensor([0.01, 0.55, 0.42, 0.02])
    bait[1] = torch.tensor([0.26, 0.24, 0.27, 0.23])
    bait[2], bait[3] = torch.tensor([0.01, 0.02, 0.03, 0.94]), torch.tensor([0.1, 0.2, 0.3, 0.4])
    return [
        (lambda tokens: bait.log()[tokens[:, -1]], torch.tensor([0]), 2, 2),
        (teller(1, 6, 1.0), torch.tensor([2, 0, 5]), 4, 5),
        (teller(2, 9, 2.0), torch.tensor([1, 1]), 3, 4),
        (teller(3, 3, 1.0), torch.tensor([0, 1]), 50, 3),  # 27 texts in all
        (teller(4, 12, 1.5), torch.tensor([7, 3, 3, 4]), 8, 1),
        (teller(5, 5, 1.0), torch.tensor([4, 0]), 1, 6),
    ]


BEAMS = Exercise(
    id="09.3",
    title="beam search, the likeliest text first",
    reference=search,
    cases=beam_cases,
    mistakes=[
        Mistake(
            "greedy",
            _greedy,
            "This is one text only, the likeliest token at each step. Keep `width` texts.",
        ),
        Mistake(
            "beams that go on greedily",
            lambda *a: _beams(*a, per_beam=True),
            "Once there are `width` beams, each of yours goes on by itself. Let all continuations "
            "of all beams compete: flatten the (W, V) sums before topk.",
        ),
        Mistake(
            "forgets the past",
            lambda *a: _beams(*a, remember=False),
            "You rank by the last token alone. Add each beam's log-probability so far: "
            "scores[:, None] + logs.",
        ),
        Mistake(
            "begins with copies",
            lambda *a: _beams(*a, copies=True),
            "You begin with `width` copies of the start, and they stay copies: all have the same "
            "continuations. Begin with one beam.",
        ),
        Mistake(
            "beam and token swapped",
            lambda *a: _beams(*a, swapped=True),
            "In the flattened (W, V) the beam is best // V and the token is best % V; you have "
            "them the other way round.",
        ),
        Mistake(
            "new tokens on the old beams",
            lambda *a: _beams(*a, same_beam=True),
            "The new tokens are right but hang on the wrong texts. Each continues the beam "
            "best // V: texts[beam].",
        ),
        Mistake(
            "the least likely",
            lambda *a: _beams(*a, largest=False),
            "You keep the unlikeliest. The largest log-probability is the likeliest.",
        ),
        Mistake(
            "the mean",
            _mean,
            "The texts are right. Their score is the sum over the new tokens, not the mean.",
        ),
        Mistake(
            "without the start",
            _without_start,
            "Only the new tokens come back. The texts begin with the start.",
        ),
        Mistake(
            "the likeliest last",
            _ascending,
            "The right texts in the wrong order: the likeliest comes first.",
        ),
    ],
)
