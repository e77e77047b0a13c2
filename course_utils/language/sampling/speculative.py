"""Speculative decoding: a small model guesses ahead, a large one reads all guesses in one call.

Letters: N guesses, T tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.language.inputs import check_batch, check_vocabulary
from course_utils.language.sampling.choosing import Choice, check_generator, stop_tokens
from course_utils.language.sampling.reading import Reader
from course_utils.layers import check_sizes
from course_utils.records import SampleStep


@dataclass(frozen=True)
class Guesses:
    """What one call of the target made of the draft's guesses.

    Attributes:
        tokens: (N,) what the draft had guessed.
        num_accepted: how many of them are in the text, from the first on. One more token follows,
            unless the last of them is a stop token.
        probs: (1, V) that the token after those was drawn from.
    """

    tokens: Tensor
    num_accepted: int
    probs: Tensor


def speculate(
    target: nn.Module,
    draft: nn.Module,
    prompt: Tensor,
    *,
    num_guesses: int = 4,
    max_new_tokens: int = 100,
    stop: int | Sequence[int] | None = None,
    use_cache: bool = True,
    generator: torch.Generator | None = None,
    **settings: Any,
) -> Iterator[SampleStep[Guesses]]:
    """Extend a prompt with the target's own distribution, in fewer calls of the target.

    The draft writes num_guesses tokens. One call of the target says its probabilities at all of
    them. From the first on, a guess is accepted with probability min(1, target / draft); at the
    first refusal a token is drawn from max(0, target - draft), scaled to sum 1; after the last
    acceptance one more comes from the target. Each call gives 1 to num_guesses + 1 tokens.

    Args:
        target: tokens (B, T) -> logits (B, T, V), the model whose text is wanted.
        draft: another one, of the same vocabulary. A bad one costs time, and changes no
            probability.
        prompt: (1, T) tokens, int64, T >= 1. One text: several would accept unequal numbers.
        num_guesses: N, tokens that the draft writes for each call of the target, at least 1.
        max_new_tokens: the text ends after exactly so many, at least 1.
        stop: a token, or several, that end the text, as in `sample`.
        use_cache: as in `sample`, for both models.
        generator: source of the choices; torch's global one if None.
        settings: temperature, top_k, top_p, min_p, repetition_penalty as in `sample`; they hold
            for target and draft alike.

    Returns:
        An iterator of `SampleStep`: calls counts those of the target, state holds the tokens
        (1, T + new), prediction the `Guesses`.

    Raises:
        ValueError: an argument is outside its range, or a model says NaN, inf, or no token.

    Source: Leviathan et al. 2023, algorithm 1, arXiv:2211.17192; Chen et al. 2023,
        arXiv:2302.01318.
    """
    check_batch(prompt, "prompt")
    if len(prompt) != 1:
        raise ValueError(
            f"speculate writes one text, prompt (1, T); got {tuple(prompt.shape)}. Call it once "
            "for each row."
        )
    check_sizes(num_guesses=num_guesses, max_new_tokens=max_new_tokens)
    check_generator(generator)
    unknown = sorted(settings.keys() - {field.name for field in fields(Choice)})
    if unknown:
        raise TypeError(f"speculate takes no {unknown[0]!r}: one text, and no padding.")
    choice, ends = Choice(**settings), stop_tokens(stop)
    readers = Reader(target, use_cache), Reader(draft, use_cache)
    return speculative_steps(*readers, prompt, choice, num_guesses, max_new_tokens, ends, generator)


@torch.no_grad()
def speculative_steps(
    target: Reader,
    draft: Reader,
    prompt: Tensor,
    choice: Choice,
    num_guesses: int,
    max_new_tokens: int,
    stop: list[int],
    generator: torch.Generator | None,
) -> Iterator[SampleStep[Guesses]]:
    """The loop of `speculate`."""
    tokens, end, calls = prompt, prompt.shape[1] + max_new_tokens, 0
    while True:
        length = tokens.shape[1]
        count = min(num_guesses, end - length - 1)  # the target adds one by itself
        guessed, draft_probs = guess(draft, tokens, choice, count, generator)
        logits = target(guessed, count + 1)[0]  # (N + 1, V)
        calls += 1
        if calls == 1:
            check_vocabulary(torch.tensor(stop), logits.shape[-1], "stop")
        target_probs = all_probs(choice, logits, guessed)  # (N + 1, V)
        accepted, probs = judge(target_probs, draft_probs, guessed[0, length:], generator)
        new = choice.draw(probs, generator)
        tokens = torch.cat([guessed[:, : length + accepted], new[None]], dim=1)
        tokens, over = cut(tokens, length, stop)
        accepted = min(accepted, tokens.shape[1] - length)  # what stood after a stop is gone
        for reader in (target, draft):
            reader.keep(tokens.shape[1] - 1)  # refused guesses were read
        over = over or tokens.shape[1] == end
        said = Guesses(guessed[0, length:].clone(), accepted, probs)
        left = 0.0 if over else (end - tokens.shape[1]) / max_new_tokens
        yield SampleStep(calls=calls, t=left, state=tokens.clone(), prediction=said)
        if over:
            return


def guess(
    draft: Reader,
    tokens: Tensor,
    choice: Choice,
    count: int,
    generator: torch.Generator | None,
) -> tuple[Tensor, list[Tensor]]:
    """The text with `count` guesses, (1, T + count), and the (1, V) that each was drawn from."""
    said = []
    for _ in range(count):
        said.append(choice.probs(draft(tokens)[:, -1], tokens))
        tokens = torch.cat([tokens, choice.draw(said[-1], generator)[:, None]], dim=1)
    return tokens, said


def all_probs(choice: Choice, logits: Tensor, guessed: Tensor) -> Tensor:
    """Probabilities (N + 1, V) after each of the last prefixes of the text (1, T + N)."""
    if choice.repetition_penalty == 1:
        return choice.probs(logits)
    ends = range(guessed.shape[1] - len(logits) + 1, guessed.shape[1] + 1)
    rows = [choice.probs(row[None], guessed[:, :e]) for row, e in zip(logits, ends, strict=True)]
    return torch.cat(rows)


def judge(
    target_probs: Tensor,
    draft_probs: Sequence[Tensor],
    guesses: Tensor,
    generator: torch.Generator | None,
) -> tuple[int, Tensor]:
    """How many guesses are accepted, and the probabilities (1, V) of the token after them.

    Args:
        target_probs: (N + 1, V).
        draft_probs: N of (1, V), from which the guesses were drawn.
        guesses: (N,).
        generator: source of the coins.

    Raises:
        ValueError: the two have not the same number of tokens.
    """
    source = target_probs.device if generator is None else generator.device
    if draft_probs and draft_probs[0].shape[1] != target_probs.shape[1]:
        raise ValueError(
            "target and draft must have the same vocabulary; got "
            f"{target_probs.shape[1]} and {draft_probs[0].shape[1]} tokens."
        )
    for i, (token, draft) in enumerate(zip(guesses.tolist(), draft_probs, strict=True)):
        target = target_probs[i, None]
        coin = torch.rand((), generator=generator, device=source).item()
        if coin * float(draft[0, token]) < float(target[0, token]):
            continue
        left = (target - draft).clamp(min=0)
        total = left.sum()
        return i, left / total if total > 0 else target
    return len(guesses), target_probs[-1:]


def cut(tokens: Tensor, start: int, stop: list[int]) -> tuple[Tensor, bool]:
    """The text up to its first stop token from place `start` on, and whether there is one."""
    for place, token in enumerate(tokens[0, start:].tolist(), start=start):
        if token in stop:
            return tokens[:, : place + 1], True
    return tokens, False
