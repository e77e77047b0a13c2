"""What a language model is trained on: shift the text by one, ask for the next token."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.language.inputs import check_type
from course_utils.layers import at_least_float32


def shift_targets(tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Inputs and the targets that follow them.

    Args:
        tokens: (B, T + 1) pieces of text, int64.

    Returns:
        inputs: (B, T), all but the last token.
        targets: (B, T), all but the first: targets[:, i] comes after inputs[:, i].

    Raises:
        ValueError: there are fewer than two tokens in a row, or they are of another type.
    """
    if tokens.ndim != 2 or tokens.shape[1] < 2:
        raise ValueError(
            f"tokens must have shape (B, T + 1) with T >= 1; got {tuple(tokens.shape)}. "
            "A text needs two tokens to have one to predict."
        )
    check_type(tokens)
    return tokens[:, :-1], tokens[:, 1:]


def next_token_loss(model: nn.Module, batch: Sequence[Tensor] | Tensor) -> Tensor:
    """Mean cross-entropy of the next token, -log p(next | before), in nats a token.

    Args:
        model: tokens (B, T) -> logits (B, T, V).
        batch: (tokens,), pieces of text (B, T + 1).

    Returns:
        () loss, at least float32. log V is the level of a model that knows nothing.

    Raises:
        ValueError: the batch is no tuple of one tensor, or its tokens make no targets.
    """
    if isinstance(batch, Tensor) or len(batch) != 1:
        came = "a tensor" if isinstance(batch, Tensor) else f"{len(batch)} entries"
        raise ValueError(f"a batch must be a tuple (tokens,); got {came}. Write (tokens,).")
    inputs, targets = shift_targets(batch[0])
    logits = model(inputs)
    logits = logits.to(at_least_float32(logits.dtype))
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())
