"""What text by diffusion is trained on: hide some tokens, ask which they were.

Letters: B batch, T tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.diffusion import stratified_times
from course_utils.language.inputs import check_batch
from course_utils.layers import at_least_float32
from course_utils.masked.model import MaskedLM


def mask_tokens(
    tokens: Tensor, t: Tensor | float, mask_id: int, *, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Jump to time t at once: each token is hidden with probability t, on its own.

    Args:
        tokens: (B, T) int64.
        t: (B,) times in [0, 1], or one for all; 0 hides nothing, 1 everything.
        mask_id: what stands for a hidden token.
        generator: of the choice; torch's global one if None.

    Returns:
        masked: (B, T) tokens with some hidden.
        hidden: (B, T) True where.

    Raises:
        ValueError: tokens or times have another shape, type or range.

    Source: Austin et al. 2021 (D3PM, absorbing state), arXiv:2107.03006; Sahoo et al. 2024,
    equation 5 with alpha_t = 1 - t, arXiv:2406.07524.
    """
    check_batch(tokens)
    times = torch.as_tensor(t, dtype=torch.float32)
    if times.ndim and times.shape != tokens.shape[:1]:
        raise ValueError(
            f"t must have shape ({len(tokens)},), one time per text; got {tuple(times.shape)}."
        )
    if times.device.type == "cpu" and not bool(((times >= 0) & (times <= 1)).all()):
        raise ValueError("t must lie in [0, 1], 0 = nothing is hidden and 1 = everything.")
    source = generator.device if generator is not None else tokens.device
    coins = torch.rand(tokens.shape, generator=generator, device=source).to(tokens.device)
    hidden = coins < times.to(tokens.device).reshape(-1, 1)
    return tokens.masked_fill(hidden, mask_id), hidden


def hide_tokens(
    tokens: Tensor, count: Tensor, mask_id: int, *, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Hide so many tokens of each text; every set of that number is as likely as another.

    Args:
        tokens: (B, T) int64.
        count: (B,) int64, 0 to T.
        mask_id: what stands for a hidden token.
        generator: of the choice; torch's global one if None.

    Returns:
        masked, hidden: as `mask_tokens`.

    Raises:
        ValueError: tokens or counts have another shape, type or range.
    """
    check_batch(tokens)
    if count.shape != tokens.shape[:1] or count.is_floating_point():
        raise ValueError(
            f"count must be ({len(tokens)},) whole numbers, one per text; got "
            f"{tuple(count.shape)} {count.dtype}."
        )
    if count.device.type == "cpu" and not bool(((count >= 0) & (count <= tokens.shape[1])).all()):
        raise ValueError(f"count must lie in 0 ... {tokens.shape[1]}, the tokens of a text.")
    source = generator.device if generator is not None else tokens.device
    ranks = torch.rand(tokens.shape, generator=generator, device=source).argsort(1).argsort(1)
    hidden = ranks.to(tokens.device) < count.to(tokens.device)[:, None]
    return tokens.masked_fill(hidden, mask_id), hidden


def even_counts(num_texts: int, length: int, device: torch.device | str = "cpu") -> Tensor:
    """(B,) numbers of tokens to hide: uniform on 1 ... T, spread evenly over the texts."""
    t = stratified_times(num_texts, device)
    return 1 + (t * length).long().clamp(max=length - 1)


def masked_loss(model: MaskedLM, batch: Sequence[Tensor]) -> Tensor:
    """A bound from above of -log p(text), nats a token: the mean loss of what is hidden.

    A number of tokens, uniform on 1 ... T, is hidden. On average over these numbers and sets the
    loss is at least -log p(text) / T, so it can be compared with an entropy. It is the objective of
    a masked diffusion, E[1/t sum over hidden of -log p(token | what is seen)] with t uniform and a
    coin for each token, after the integral over t: given how many are hidden, their mean is left.
    Without the wild factor 1/t it is less noisy (docs/experiments.md, lesson 13).

    Args:
        model: the network and its mask.
        batch: (tokens,), tokens (B, T) int64.

    Returns:
        () loss, at least float32.

    Raises:
        ValueError: the batch is no tuple of one tensor of tokens, or a token is the mask.

    Source: Sahoo et al. 2024, equation 10 with alpha_t = 1 - t, arXiv:2406.07524; Hoogeboom et al.
    2022, equation 3, arXiv:2110.02037.
    """
    (tokens,) = batch
    check_batch(tokens)
    model.check_text(tokens)
    count = even_counts(len(tokens), tokens.shape[1], tokens.device)
    masked, hidden = hide_tokens(tokens, count, model.mask_id)
    losses = surprise(model(masked), tokens) * hidden  # (B, T)
    return (losses.sum(1) / count).mean()


def surprise(logits: Tensor, tokens: Tensor) -> Tensor:
    """(B, T): -log p of tokens (B, T) under logits (B, T, V), at least float32."""
    logits = logits.to(at_least_float32(logits.dtype))
    return F.cross_entropy(logits.flatten(0, 1), tokens.flatten(), reduction="none").view_as(tokens)
