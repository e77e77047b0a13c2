"""Beam search: several texts at once, of which the likeliest are kept.

Letters: B prompts, W beams, T tokens, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from course_utils.language.inputs import check_batch, check_mask, check_vocabulary
from course_utils.language.sampling.choosing import stop_tokens
from course_utils.language.sampling.filters import check_logits
from course_utils.language.sampling.reading import Reader
from course_utils.layers import at_least_float32, check_sizes
from course_utils.records import SampleStep


def beam_search(
    model: nn.Module,
    prompt: Tensor,
    *,
    width: int,
    max_new_tokens: int = 100,
    stop: int | Sequence[int] | None = None,
    mask: Tensor | None = None,
    use_cache: bool = True,
) -> Iterator[SampleStep[Tensor]]:
    """Look for the likeliest texts after a prompt: keep the best `width` of all continuations.

    A text's log-probability is the sum over its new tokens, with no correction for its length. For
    N new tokens a width of V^(N - 1) drops nothing, and the search is exhaustive; 1 is greedy.

    Args:
        model: tokens (B, T) -> logits (B, T, V).
        prompt: (B, T) tokens, int64, T >= 1; each is searched by itself.
        width: W, texts kept for each prompt, at least 1; fewer while there are not so many.
        max_new_tokens: most model calls, at least 1.
        stop: a token, or several, that end a text, as in `sample`. An ended text keeps its
            probability; the loop ends once all have ended.
        mask: (B, T) False for padding before a prompt, as in `sample`.
        use_cache: as in `sample`.

    Returns:
        An iterator of `SampleStep`: state holds the texts (B, W, T + calls), the likeliest first,
        prediction their log-probabilities (B, W) in nats; -inf for a text that cannot be, where
        there are fewer than W.

    Raises:
        ValueError: an argument is outside its range, or the model says NaN, inf, or no token.

    Source: Lowerre 1976, "The HARPY speech recognition system"; for networks Graves 2012,
        algorithm 1, arXiv:1211.3711.
    """
    check_batch(prompt, "prompt")
    check_sizes(width=width, max_new_tokens=max_new_tokens)
    check_mask(mask, prompt)
    reader = Reader(model, use_cache, mask)
    return beam_steps(reader, prompt, width, max_new_tokens, stop_tokens(stop))


@torch.no_grad()
def beam_steps(
    reader: Reader, prompt: Tensor, width: int, max_new_tokens: int, stop: list[int]
) -> Iterator[SampleStep[Tensor]]:
    """The loop of `beam_search`."""
    texts = prompt[:, None]  # (B, W, T), one beam at first
    ends = torch.tensor(stop, device=prompt.device)
    scores = prompt.new_zeros(len(prompt), 1, dtype=torch.float32)
    ended = torch.zeros_like(scores, dtype=torch.bool)
    for calls in range(1, max_new_tokens + 1):
        num_prompts, num_beams = texts.shape[:2]
        logits = reader(texts.flatten(0, 1))[:, -1]  # (B W, V)
        check_vocabulary(ends.cpu(), logits.shape[-1], "stop")
        check_logits(logits)
        logits = logits.to(at_least_float32(logits.dtype))
        logs = logits.log_softmax(-1).unflatten(0, (num_prompts, num_beams))
        logs = only_itself(logs, ended, texts[..., -1])
        total = (scores[..., None] + logs).flatten(1)  # (B, W V)
        scores, best = total.topk(min(width, total.shape[1]), dim=1)  # (B, W')
        beam, new = best // logits.shape[-1], best % logits.shape[-1]
        texts = torch.cat(
            [texts.gather(1, beam[..., None].expand(-1, -1, texts.shape[-1])), new[..., None]],
            dim=-1,
        )
        reader.select((beam + num_beams * torch.arange(num_prompts)[:, None].to(beam)).flatten())
        ended = ended.gather(1, beam) | torch.isin(new, ends)
        over = bool(stop) and bool((ended | (scores == -math.inf)).all())
        left = 0.0 if over else 1 - calls / max_new_tokens
        yield SampleStep(calls=calls, t=left, state=texts.clone(), prediction=scores.clone())
        if over:
            return


def only_itself(logs: Tensor, ended: Tensor, newest: Tensor) -> Tensor:
    """The same log-probabilities (B, W, V), but an ended text repeats its stop token for free.

    Args:
        logs: (B, W, V).
        ended: (B, W).
        newest: (B, W) last tokens.
    """
    free = torch.full_like(logs, -math.inf).scatter(-1, newest[..., None], 0.0)
    return torch.where(ended[..., None], free, logs)
