"""A network that finds hidden tokens, bound to what hides them. Letters: B batch, T tokens, V."""

from __future__ import annotations

import math
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from course_utils.language import GPT


class Unmasker(Protocol):
    """What `sample` and the bounds need: a `MaskedLM`, or the exact one."""

    mask_id: int

    def __call__(self, tokens: Tensor) -> Any:
        """Logits (B, T, V)."""

    def check_text(self, tokens: Tensor) -> None:
        """Raise ValueError if a text holds the mask."""


class MaskedLM(nn.Module):
    """Says for each hidden token how likely each word is to stand there, given all that is seen.

    Args:
        net: a `GPT` with causal=False; its vocabulary holds one token more than the text, which
            stands for what is hidden.
        mask_id: that token.

    Raises:
        ValueError: the network is causal, or the token is not in its vocabulary.

    Source: Sahoo et al. 2024 (MDLM), arXiv:2406.07524: the mask itself is never the answer, and
    what is seen stays as it is.
    """

    def __init__(self, net: GPT, mask_id: int) -> None:
        super().__init__()
        if net.config.causal:
            raise ValueError(
                "a network that finds hidden tokens must see both sides: build the GPT with "
                "causal=False."
            )
        if not isinstance(mask_id, int) or not 0 <= mask_id < net.config.vocab_size:
            raise ValueError(
                f"mask_id must be a token of the network, 0 to {net.config.vocab_size - 1}; got "
                f"{mask_id!r}. Give the GPT one token more than the text has."
            )
        self.net, self.mask_id = net, mask_id

    @property
    def context_length(self) -> int:
        """Most tokens that it can see at once."""
        return self.net.context_length

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (B, T, V) at each position of tokens (B, T), hidden or not; -inf for the mask.

        Raises:
            ValueError: the text is longer than the context, or a token is outside the vocabulary.
        """
        return self.without_mask(self.net(tokens))

    def without_mask(self, logits: Tensor) -> Tensor:
        """Logits (..., V) in which the mask can not be the answer."""
        is_mask = torch.arange(logits.shape[-1], device=logits.device) == self.mask_id
        return logits.masked_fill(is_mask, -math.inf)

    def check_text(self, tokens: Tensor) -> None:
        """Raise ValueError if a text (B, T) that is to be hidden holds the mask already."""
        if tokens.device.type == "cpu" and bool((tokens == self.mask_id).any()):
            raise ValueError(
                f"the text holds token {self.mask_id}, the mask, which no text can say. Train on "
                "whole texts; `sample` takes texts with gaps."
            )
