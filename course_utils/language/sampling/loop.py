"""One token after the other, one model call each. Letters: B batch, T tokens, V vocabulary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from course_utils.language.inputs import check_batch, check_mask, check_vocabulary
from course_utils.language.sampling.choosing import Choice, check_generator, stop_tokens
from course_utils.language.sampling.reading import Reader
from course_utils.layers import check_sizes
from course_utils.records import SampleStep


def sample(
    model: nn.Module,
    prompt: Tensor,
    *,
    max_new_tokens: int = 100,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    repetition_penalty: float = 1.0,
    stop: int | Sequence[int] | None = None,
    mask: Tensor | None = None,
    use_cache: bool = True,
    generator: torch.Generator | None = None,
) -> Iterator[SampleStep[Tensor]]:
    """Extend a prompt, giving the text after each new token.

    Each step is handed out as soon as it is made, so that a text can be shown as it is written. Who
    keeps the newest step in a loop still has it when the loop is interrupted.

    Args:
        model: tokens (B, T) -> logits (B, T, V). If it has a `context_length`, it is shown that
            many of the last tokens, also of a longer prompt.
        prompt: (B, T) tokens, int64, T >= 1.
        max_new_tokens: most model calls, at least 1.
        temperature: logits are divided by it. 1 samples what the model believes, below 1 the likely
            becomes likelier, 0 takes the likeliest token (greedy). Otherwise at least 1e-6.
        top_k: only this many of the likeliest tokens are drawn, 1 ... V.
        top_p: only the likeliest tokens that together hold this much, in (0, 1].
        min_p: only tokens at least this share as likely as the likeliest, in [0, 1].
        repetition_penalty: above 1, tokens of the text so far become less likely. These five are
            applied in the order that `Choice` says.
        stop: a token, or several, that end a text. From there on its row is filled with the token
            that ended it, and the loop ends once all texts have. A stop token in the prompt ends
            nothing. Where none comes, the text has max_new_tokens.
        mask: (B, T) True for tokens, False for padding, which stands before each text, so that
            texts of unequal length end together. Each row goes on as it would alone.
        use_cache: False computes everything anew for each token; the text is the same. A model that
            is not causal has no cache.
        generator: source of the choices; torch's global one if None. One draw serves the whole
            batch, so the same text alone and among others goes on in other words.

    Returns:
        An iterator of `SampleStep`: state holds the tokens (B, T + calls), padding included,
        prediction the probabilities (B, V) that the newest token was drawn from, at least float32.
        Both are the caller's own: changing them changes no later step.

    Raises:
        ValueError: an argument is outside its range, or the model says NaN, inf, or no token.
    """
    check_batch(prompt, "prompt")
    check_sizes(max_new_tokens=max_new_tokens)
    check_mask(mask, prompt)
    check_generator(generator)
    choice = Choice(
        repetition_penalty=repetition_penalty,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
    )
    reader = Reader(model, use_cache, mask)
    return token_steps(reader, prompt, choice, max_new_tokens, stop_tokens(stop), generator)


@torch.no_grad()
def token_steps(
    reader: Reader,
    prompt: Tensor,
    choice: Choice,
    max_new_tokens: int,
    stop: list[int],
    generator: torch.Generator | None,
) -> Iterator[SampleStep[Tensor]]:
    """The loop of `sample`: one more token for each text of prompt (B, T), again and again."""
    tokens = prompt
    ends = torch.tensor(stop, device=prompt.device)
    ended = torch.zeros(len(prompt), dtype=torch.bool, device=prompt.device)
    for calls in range(1, max_new_tokens + 1):
        logits = reader(tokens)[:, -1]  # (B, V)
        if stop and calls == 1:
            check_vocabulary(ends.cpu(), logits.shape[-1], "stop")
        probs = choice.probs(logits, tokens, reader.real(tokens))
        new = choice.draw(probs, generator)  # (B,)
        if stop:
            new = torch.where(ended, tokens[:, -1], new)
            probs[ended] = torch.zeros_like(probs[ended]).scatter(1, new[ended, None], 1.0)
            ended |= torch.isin(new, ends)
        tokens = torch.cat([tokens, new[:, None]], dim=1)
        over = bool(stop) and bool(ended.all())
        left = 0.0 if over else 1 - calls / max_new_tokens
        yield SampleStep(calls=calls, t=left, state=tokens.clone(), prediction=probs)
        if over:
            return
