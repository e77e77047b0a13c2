"""As many tokens a pass as are sure. Letters: B batch, T tokens, V vocabulary."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from course_utils.language.inputs import check_batch
from course_utils.language.sampling import next_probs
from course_utils.masked.model import Unmasker
from course_utils.records import SampleStep


def accept(probs: Tensor, hidden: Tensor, threshold: float) -> Tensor:
    """(B, T) True where a hidden token is found in this pass: where the model is sure.

    Sure is where one token has at least the probability `threshold`. A text with gaps in which no
    token is sure takes its surest one, the leftmost of equals.

    Args:
        probs: (B, T, V).
        hidden: (B, T) True where a token is still to be found.
        threshold: in (0, 1]; 1 takes certain tokens only, and else one a pass.

    Raises:
        ValueError: the threshold is out of its range.
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must lie in (0, 1], a probability; got {threshold}.")
    sureness = probs.amax(-1).masked_fill(~hidden, -1)  # (B, T)
    surest = torch.zeros_like(hidden).scatter(1, sureness.argmax(1, keepdim=True), True)
    sure = sureness >= threshold
    return torch.where(sure.any(1, keepdim=True), sure, surest) & hidden


def sample_sure(
    model: Unmasker,
    tokens: Tensor,
    *,
    threshold: float = 0.9,
    temperature: float = 1.0,
    generator: torch.Generator | None = None,
) -> Iterator[SampleStep[Tensor]]:
    """Fill the gaps of texts, in each pass those of which the model is sure, and one at least.

    Two tokens that hang on each other are seldom both sure before one of them stands; so few of
    those that are drawn together contradict each other. Texts need unequal numbers of passes: the
    sampling ends with the last.

    Args:
        model: the network and its mask.
        tokens: (B, T) int64, `model.mask_id` where a token is to be found.
        threshold: see `accept`.
        temperature: as in `masked.sample`.
        generator: of the choices; torch's global one if None.

    Returns:
        An iterator of `SampleStep`, as of `masked.sample`.

    Raises:
        ValueError: there is no gap at all, or a setting is out of its range.

    Source: Wu et al. 2025 (Fast-dLLM), section 3.3, arXiv:2505.22618.
    """
    check_batch(tokens)
    if not bool((tokens == model.mask_id).any()):
        raise ValueError(
            f"no token is hidden (token {model.mask_id}), so there is nothing to find."
        )
    accept(torch.ones(1, 1, 1), torch.ones(1, 1, dtype=torch.bool), threshold)
    next_probs(torch.zeros(2), temperature)
    return _passes(model, tokens.clone(), threshold, temperature, generator)


@torch.no_grad()
def _passes(
    model: Unmasker,
    tokens: Tensor,
    threshold: float,
    temperature: float,
    generator: torch.Generator | None,
) -> Iterator[SampleStep[Tensor]]:
    total, calls = int((tokens == model.mask_id).sum()), 0
    while bool((hidden := tokens == model.mask_id).any()):
        calls += 1
        probs = next_probs(model(tokens), temperature)  # (B, T, V)
        source = generator.device if generator is not None else probs.device
        drawn = torch.multinomial(probs.flatten(0, 1).to(source), 1, generator=generator)
        drawn = drawn.view_as(tokens).to(tokens.device)
        tokens = torch.where(accept(probs, hidden, threshold), drawn, tokens)
        left = int((tokens == model.mask_id).sum()) / total
        yield SampleStep(calls=calls, t=left, state=tokens.clone(), prediction=probs)
