"""What the parts of a language model accept. Letters: B batch, T tokens."""

from __future__ import annotations

import torch
from torch import Tensor


def check_batch(tokens: Tensor, name: str = "tokens") -> None:
    """Raise ValueError unless these are int64 tokens (B, T), T >= 1."""
    if not isinstance(tokens, Tensor):
        raise ValueError(
            f"{name} must be a tensor (B, T); got {type(tokens).__name__}. Use torch.tensor."
        )
    if tokens.ndim != 2 or not tokens.shape[1]:
        remedy = f" Use {name}[None] for a single text." if tokens.ndim == 1 else ""
        raise ValueError(
            f"{name} must have shape (B, T) with T >= 1; got {tuple(tokens.shape)}.{remedy}"
        )
    check_type(tokens, name)


def check_type(tokens: Tensor, name: str = "tokens") -> None:
    """Raise ValueError unless these tokens are int64."""
    if tokens.dtype != torch.long:
        raise ValueError(f"{name} must be int64; got {tokens.dtype}. Use {name}.long().")


def check_vocabulary(tokens: Tensor, vocab_size: int, name: str = "tokens") -> None:
    """Raise ValueError if a token is not in 0 ... vocab_size - 1."""
    # On an accelerator this comparison would stop the queue at every step, so only the CPU looks.
    if tokens.device.type != "cpu" or not tokens.numel():
        return
    low, high = (int(end) for end in tokens.aminmax())
    if low < 0 or high >= vocab_size:
        raise ValueError(
            f"{name} must lie in 0 ... {vocab_size - 1}; got {low} ... {high}. Encode the text "
            "with the tokenizer that the model was built for."
        )


def check_length(length: int, context_length: int) -> None:
    """Raise ValueError if a text of this length is more than a model can see at once."""
    if length > context_length:
        raise ValueError(
            f"the model sees at most {context_length} tokens; got {length}. Keep the last "
            f"ones, tokens[:, -{context_length}:], or build it with a larger context_length."
        )


def check_mask(mask: Tensor | None, tokens: Tensor) -> None:
    """Raise ValueError unless the mask is None, or padding stands before the text in each row."""
    if mask is None:
        return
    if not isinstance(mask, Tensor):
        raise ValueError(f"mask must be a bool tensor; got {type(mask).__name__}.")
    if mask.dtype != torch.bool or mask.shape != tokens.shape:
        raise ValueError(
            f"mask must be bool and of the prompt's shape {tuple(tokens.shape)}, True for tokens; "
            f"got {mask.dtype}, {tuple(mask.shape)}."
        )
    if not mask[:, -1].all() or (mask[:, :-1] & ~mask[:, 1:]).any():
        raise ValueError(
            "padding must stand before the text, and each row needs a token: every row of mask is "
            f"some False, then at least one True; got {mask.int().tolist()}."
        )


def check_padding(source: Tensor, pad: int, name: str = "source") -> None:
    """Raise ValueError unless each row (B, S) is some tokens, then nothing but padding.

    Looked at on the CPU only: an accelerator would wait.
    """
    real = source != pad
    if source.device.type != "cpu" or not source.shape[1]:
        return
    if not real[:, 0].all() or bool((real[:, 1:] & ~real[:, :-1]).any()):
        raise ValueError(
            f"each {name} must be some tokens and then padding ({pad}), if any; got "
            f"{source.tolist() if source.numel() < 40 else 'one with padding elsewhere'}. "
            "Remove the padding before or between the tokens, and leave out empty ones."
        )


def check_pad(pad: int, vocab_size: int) -> None:
    """Raise ValueError unless pad is one of the tokens 0 ... vocab_size - 1."""
    if not isinstance(pad, int) or isinstance(pad, bool) or not 0 <= pad < vocab_size:
        raise ValueError(f"pad must be a token, 0 to {vocab_size - 1}; got {pad!r}.")
