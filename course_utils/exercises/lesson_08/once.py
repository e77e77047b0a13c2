"""Exercise 08.3: a long text, every token counted once and with enough before it."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.exercises import Exercise, Mistake, WrongAnswer

Window = tuple[int, Tensor]  # where it starts, and the nats of each token that it predicts


def loss_of_long_text(model: nn.Module, tokens: Tensor, context_length: int, stride: int) -> Tensor:
    """Mean nats a token; each window counts what no earlier one has counted."""
    found, counted = [], 0
    for start, losses in _windows(model, tokens, context_length, stride):
        new = start + len(losses) - counted
        if new > 0:
            found.append(losses[len(losses) - new :])
            counted += new
    return torch.cat(found).mean()


def _windows(
    model: nn.Module, tokens: Tensor, context_length: int, stride: int
) -> Iterator[Window]:
    for start in range(0, len(tokens) - 1, stride):
        piece = tokens[start : start + context_length + 1]
        logits = model(piece[None, :-1])[0]
        yield start, F.cross_entropy(logits, piece[1:], reduction="none")


Answer = Callable[[nn.Module, Tensor, int, int], Tensor]


def _all(choose: Callable[[list[Window], Tensor, int, int], Tensor]) -> Answer:
    """A wrong answer made from all windows."""

    def answer(model: nn.Module, tokens: Tensor, context_length: int, stride: int) -> Tensor:
        windows = list(_windows(model, tokens, context_length, stride))
        return choose(windows, tokens, context_length, stride)

    return answer


def _fresh(windows: list[Window]) -> list[Tensor]:
    """Of each window what no earlier one has counted."""
    parts, counted = [], 0
    for start, losses in windows:
        new = start + len(losses) - counted
        if new > 0:
            parts.append(losses[len(losses) - new :])
            counted += new
    return parts


def _with_minus_zero(windows: list[Window]) -> list[Tensor]:
    """As `_fresh`, but where nothing is new, losses[-0:] takes all."""
    parts, counted = [], 0
    for start, losses in windows:
        new = start + len(losses) - counted
        parts.append(losses[-new:])
        counted += new
    return parts


def _first_tokens(windows: list[Window], stride: int) -> Tensor:
    """The first tokens of each window, which have the least before them."""
    return torch.cat([losses[:stride] for _, losses in windows])


def _without_the_rest(windows: list[Window], context_length: int) -> Tensor:
    """Full windows only."""
    full = [window for window in windows if len(window[1]) == context_length]
    return torch.cat(_fresh(full or windows[:1])).mean()


def _skips_the_first(windows: list[Window], stride: int, context_length: int) -> Tensor:
    """The last `stride` tokens of every window, the first one too."""
    parts = _fresh(windows)
    parts[0] = parts[0][-stride:]
    return torch.cat(parts).mean()


class Averages(nn.Module):
    """Logits from the mean of all embeddings so far: what stands before matters everywhere."""

    def __init__(self, vocab_size: int, context_length: int) -> None:
        super().__init__()
        self.embed, self.logits = nn.Embedding(vocab_size, 6), nn.Linear(6, vocab_size)
        self.context_length = context_length
        nn.init.normal_(self.logits.weight, std=2.0)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (B, T, V) for tokens (B, T)."""
        if tokens.ndim != 2 or not 1 <= tokens.shape[1] <= self.context_length:
            raise WrongAnswer(
                f"the model was given tokens of shape {tuple(tokens.shape)}. It takes (B, T) with "
                f"T from 1 to {self.context_length}: add an axis by tokens[None], and cut."
            )
        count = torch.arange(1, tokens.shape[1] + 1)[:, None]
        return self.logits(self.embed(tokens).cumsum(1) / count)


def with_a_model(
    answer: Answer, vocab_size: int, tokens: Tensor, context_length: int, stride: int
) -> Any:
    """What the function returns for a model of this context."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Averages(vocab_size, context_length)
    found = answer(model, tokens, context_length, stride)
    return found.detach() if isinstance(found, Tensor) else found


def text_cases() -> list[tuple[Any, ...]]:
    """A stride that divides, one that does not, no overlap, steps of one, a text of one window."""
    return [
        (7, torch.randint(7, (33,)), 8, 4),
        (5, torch.randint(5, (30,)), 8, 3),
        (9, torch.randint(9, (41,)), 10, 10),
        (6, torch.randint(6, (14,)), 5, 1),
        (8, torch.randint(8, (6,)), 12, 5),
        (4, torch.randint(4, (2,)), 3, 2),
        (5, torch.randint(5, (26,)), 9, 7),
    ]


ONCE = Exercise(
    id="08.3",
    title="the loss of a long text, every token once",
    reference=loss_of_long_text,
    cases=text_cases,
    probe=with_a_model,
    mistakes=[
        Mistake(
            "everything in each window",
            _all(lambda windows, *_: torch.cat([losses for _, losses in windows]).mean()),
            "Tokens where windows overlap are counted more than once. Each window counts only "
            "what no earlier one has counted.",
        ),
        Mistake(
            "the first tokens of each window",
            _all(lambda windows, tokens, length, stride: _first_tokens(windows, stride).mean()),
            "Of each window the first tokens are counted, which have the least before them. After "
            "the first window count the last ones.",
        ),
        Mistake(
            "no overlap",
            lambda m, x, length, stride: loss_of_long_text(m, x, length, length),
            "The windows lie end to end. They move by stride, so that they overlap.",
        ),
        Mistake(
            "the mean of means",
            _all(lambda windows, *_: torch.stack([p.mean() for p in _fresh(windows)]).mean()),
            "Each window counts alike, but they count different numbers of tokens. Collect all "
            "tokens, then take one mean.",
        ),
        Mistake(
            "the rest left out",
            _all(lambda windows, tokens, length, stride: _without_the_rest(windows, length)),
            "What does not fill a last window is left out. The last window may be shorter.",
        ),
        Mistake(
            "the beginning left out",
            _all(lambda windows, tokens, length, stride: _skips_the_first(windows, stride, length)),
            "The first window counts its last tokens only. Nobody else counts its first ones: it "
            "counts them all.",
        ),
        Mistake(
            "a window that brings nothing new",
            _all(lambda windows, *_: torch.cat(_with_minus_zero(windows)).mean()),
            "The last windows may bring nothing new, and losses[-0:] is all of them. Skip such a "
            "window.",
        ),
        Mistake(
            "the sum",
            _all(lambda windows, *_: torch.cat(_fresh(windows)).sum()),
            "This is the sum of all nats. Divide by the number of tokens.",
        ),
        Mistake(
            "perplexity",
            lambda m, x, length, stride: loss_of_long_text(m, x, length, stride).exp(),
            "That is the perplexity. Nats are asked: no exp.",
        ),
        Mistake(
            "bits",
            lambda m, x, length, stride: loss_of_long_text(m, x, length, stride) / 0.6931472,
            "Those are bits. Nats are asked: the natural logarithm, as cross_entropy takes it.",
        ),
        Mistake(
            "windows one token short",
            lambda m, x, length, stride: loss_of_long_text(
                m, x, length - 1, min(stride, length - 1)
            ),
            "Your windows hold context_length tokens, inputs and targets together, so the model "
            "reads one less than it can. Cut context_length + 1.",
        ),
    ],
)
