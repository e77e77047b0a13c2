"""What a language model is trained on: shift the text by one, ask for the next token, score it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.language.model import GPT


def shift_targets(tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Inputs and the targets that follow them.

    Args:
        tokens: (B, T + 1) pieces of text.

    Returns:
        inputs: (B, T), all but the last token.
        targets: (B, T), all but the first: targets[:, i] comes after inputs[:, i].

    Raises:
        ValueError: there are fewer than two tokens in a row.
    """
    if tokens.ndim != 2 or tokens.shape[1] < 2:
        raise ValueError(
            f"tokens must have shape (B, T + 1) with T >= 1; got {tuple(tokens.shape)}. "
            "A text needs two tokens to have one to predict."
        )
    return tokens[:, :-1], tokens[:, 1:]


def next_token_loss(model: nn.Module, batch: Tensor | Sequence[Tensor]) -> Tensor:
    """Mean cross-entropy of the next token, -log p(next | before), in nats a token.

    Args:
        model: tokens (B, T) -> logits (B, T, V).
        batch: tokens (B, T + 1), or a sequence that holds them first.

    Returns:
        () loss. log V is the level of a model that knows nothing.
    """
    inputs, targets = shift_targets(batch if isinstance(batch, Tensor) else batch[0])
    return F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())


@torch.no_grad()
def text_loss(
    model: nn.Module, tokens: Tensor, *, context_length: int | None = None, batch_size: int = 64
) -> float:
    """Nats a token over a whole text, read in consecutive windows.

    Args:
        model: tokens (B, T) -> logits (B, T, V).
        tokens: (N,) the text; a last piece shorter than a window is left out.
        context_length: tokens in a window; the first of each is predicted from one token alone. If
            None, that of a GPT, and 128 for every other model.
        batch_size: windows in one call.

    Returns:
        Mean of -log p(token | window before it), in nats.

    Raises:
        ValueError: the text is shorter than a window.
    """
    if context_length is None:
        context_length = model.context_length if isinstance(model, GPT) else 128
    num_windows = (len(tokens) - 1) // context_length
    if num_windows < 1:
        raise ValueError(
            f"the text must hold more than context_length={context_length} tokens; "
            f"got {len(tokens)}. Use a shorter context or a longer text."
        )
    starts = context_length * torch.arange(num_windows, device=tokens.device)
    windows = tokens[starts[:, None] + torch.arange(context_length + 1, device=tokens.device)]
    total = sum(
        next_token_loss(model, some).item() * len(some) for some in windows.split(batch_size)
    )
    return total / num_windows


def perplexity(nats: float) -> float:
    """exp(nats): the number of equally likely next tokens that would be as hard to guess."""
    return math.exp(nats)


def bits_per_byte(nats: float, num_tokens: int, num_bytes: int) -> float:
    """Bits that a text costs for each of its bytes: comparable between tokenizers.

    Args:
        nats: loss in nats a token.
        num_tokens: tokens of the text.
        num_bytes: its length in UTF-8.
    """
    return nats * num_tokens / (math.log(2) * num_bytes)
