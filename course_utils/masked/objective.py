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


def masked_loss(model: MaskedLM, batch: Sequence[Tensor]) -> Tensor:
    """A bound from above of -log p(text), nats a token: the loss of what is hidden, over t.

    With t uniform, E[1/t sum over hidden of -log p(token | what is seen)] >= -log p(text): the
    bound that a diffusion model trains, and here it can be compared with an entropy. Times come one
    from each of B equal slices of (0, 1), so the factor 1/t is not as wild as it looks: as much as
    it grows, as little is hidden.

    Args:
        model: the network and its mask.
        batch: (tokens,), tokens (B, T) int64.

    Returns:
        () loss, at least float32.

    Raises:
        ValueError: the batch is no tuple of one tensor of tokens, or a token is the mask.

    Source: Sahoo et al. 2024, equation 10 with alpha_t = 1 - t, arXiv:2406.07524.
    """
    (tokens,) = batch
    check_batch(tokens)
    model.check_text(tokens)
    t = stratified_times(len(tokens), tokens.device)
    masked, hidden = mask_tokens(tokens, t, model.mask_id)
    return (surprise(model(masked), tokens) * hidden / t[:, None]).mean()


def surprise(logits: Tensor, tokens: Tensor) -> Tensor:
    """(B, T): -log p of tokens (B, T) under logits (B, T, V), at least float32."""
    logits = logits.to(at_least_float32(logits.dtype))
    return F.cross_entropy(logits.flatten(0, 1), tokens.flatten(), reduction="none").view_as(tokens)
