"""What is reported of a language model: nats a token, perplexity, bits a byte."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from course_utils.language.objective import next_token_loss
from course_utils.layers import check_sizes


@torch.no_grad()
def text_loss(
    model: nn.Module, tokens: Tensor, *, context_length: int | None = None, batch_size: int = 64
) -> float:
    """Nats a token over a whole text, read in consecutive windows.

    Args:
        model: tokens (B, T) -> logits (B, T, V).
        tokens: (N,) the text; a last piece shorter than a window is left out.
        context_length: tokens in a window, at least 1; the first of each is predicted from one
            token alone. If None, 128, or the `max_length` of a model that has one, as a `GPT`.
            Compare models on equal windows.
        batch_size: windows in one call, at least 1.

    Returns:
        Mean of -log p(token | window before it), in nats.

    Raises:
        ValueError: the text is shorter than a window, or an argument is out of its range.
    """
    if context_length is None:
        context_length = getattr(model, "max_length", 128)
    check_sizes(context_length=context_length, batch_size=batch_size)
    if tokens.ndim != 1:
        raise ValueError(f"the text must have shape (N,); got {tuple(tokens.shape)}.")
    num_windows = (len(tokens) - 1) // context_length
    if num_windows < 1:
        raise ValueError(
            f"the text must hold more than context_length={context_length} tokens; "
            f"got {len(tokens)}. Use a shorter context or a longer text."
        )
    starts = context_length * torch.arange(num_windows, device=tokens.device)
    windows = tokens[starts[:, None] + torch.arange(context_length + 1, device=tokens.device)]
    total = sum(
        next_token_loss(model, (some,)).item() * len(some) for some in windows.split(batch_size)
    )
    return total / num_windows


def perplexity(nats: float) -> float:
    """exp(nats): the number of equally likely next tokens that would be as hard to guess."""
    return math.exp(nats)


def bits_per_byte(nats: float, num_tokens: int, num_bytes: int) -> float:
    """Bits that a text costs for each of its bytes: comparable between tokenizers.

    Args:
        nats: loss in nats a token.
        num_tokens: tokens of the text, at least 1.
        num_bytes: its length in UTF-8, at least 1.

    Raises:
        ValueError: a number is out of its range.
    """
    check_sizes(num_tokens=num_tokens, num_bytes=num_bytes)
    return nats * num_tokens / (math.log(2) * num_bytes)
