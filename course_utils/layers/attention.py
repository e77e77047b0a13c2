"""Attention: written out, on torch's kernel, and with a cache.

Letters: B batch, T tokens, D width, H heads, K width of a head.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.layers.rotary import rotate


def attention_weights(query: Tensor, key: Tensor, *, causal: bool) -> Tensor:
    """Attention weights softmax(q k^T / sqrt(K)), written out.

    Args:
        query: (B, H, T, K).
        key: (B, H, T, K).
        causal: True hides every later position from each query.

    Returns:
        (B, H, T, T) weights; row i says how much position i takes from each position, and sums to
        1.

    Source: Vaswani et al. 2017, equation 1, arXiv:1706.03762.
    """
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])  # (B, H, T, T)
    if causal:
        size = scores.shape[-1]
        later = torch.ones(size, size, dtype=torch.bool, device=scores.device).triu(1)
        scores = scores.masked_fill(later, -math.inf)
    return scores.softmax(dim=-1)


def attention(query: Tensor, key: Tensor, value: Tensor, *, causal: bool) -> Tensor:
    """Attention by hand: the weighted average of the values; the reference for torch's kernel.

    Args:
        query: (B, H, T, K).
        key: (B, H, T, K).
        value: (B, H, T, K).
        causal: True hides every later position from each query.

    Returns:
        (B, H, T, K).
    """
    return attention_weights(query, key, causal=causal) @ value


class KeyValues:
    """Keys and values of the tokens read so far, kept so that each is computed once.

    Args:
        length: most tokens that it can hold.

    Attributes:
        size: tokens that it holds.
    """

    def __init__(self, length: int) -> None:
        self.length, self.size = length, 0
        self.keys = self.values = torch.empty(0)

    def extend(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Add keys and values, each (B, H, T, K); returns all so far, each (B, H, size, K).

        Raises:
            ValueError: there is no room for them.
        """
        before, size = self.size, self.size + keys.shape[2]
        if size > self.length:
            raise ValueError(
                f"this cache holds at most {self.length} tokens; got {size}. Make a longer one."
            )
        if not before:
            shape = (*keys.shape[:2], self.length, keys.shape[3])
            self.keys, self.values = keys.new_empty(shape), values.new_empty(shape)
        self.keys[:, :, before:size] = keys
        self.values[:, :, before:size] = values
        self.size = size
        return self.keys[:, :, :size], self.values[:, :, :size]


class Attention(nn.Module):
    """Multi-head self-attention on torch's `scaled_dot_product_attention`.

    Args:
        width: D, the width of the residual stream; divisible by `num_heads`.
        num_heads: H.
        causal: True hides later positions (a decoder), False shows all (an encoder).
        rotary: True turns queries and keys by their position, see `rotate`.

    Raises:
        ValueError: `width` is not divisible by `num_heads`, or a head is odd and rotary.
    """

    def __init__(self, width: int, num_heads: int, *, causal: bool, rotary: bool = False) -> None:
        super().__init__()
        if width % num_heads:
            raise ValueError(
                f"width must be divisible by num_heads; got width={width}, num_heads={num_heads}. "
                f"Use width={math.ceil(width / num_heads) * num_heads}."
            )
        if rotary and width // num_heads % 2:
            raise ValueError(
                "rotary positions turn pairs of features, so a head must be even; got "
                f"width / num_heads = {width // num_heads}. Use width={width + num_heads}."
            )
        self.num_heads = num_heads
        self.causal = causal
        self.rotary = rotary
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.project = nn.Linear(width, width, bias=False)

    def split(self, x: Tensor, start: int = 0) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of x (B, T, D), each (B, H, T, K)."""
        parts = self.qkv(x).unflatten(-1, (3, self.num_heads, -1))  # (B, T, 3, H, K)
        parts = parts.permute(2, 0, 3, 1, 4)  # (3, B, H, T, K)
        if not self.rotary:
            return parts.unbind()
        turned, v = parts.split((2, 1))  # a slice would cost more in the backward pass
        q, k = rotate(turned, start)
        return q, k, v.squeeze(0)

    def forward(self, x: Tensor, cache: KeyValues | None = None) -> Tensor:
        """Mix the positions of x (B, T, D); returns (B, T, D).

        With a cache, x holds the tokens that come after those in it; they see these too.
        """
        length = x.shape[1]
        q, k, v = self.split(x, cache.size if cache else 0)
        if cache is not None:
            k, v = cache.extend(k, v)
        first = k.shape[2] == length  # nothing before, so torch's own causal mask fits
        mask = visible(length, k.shape[2], x.device) if self.causal and not first else None
        mixed = F.scaled_dot_product_attention(
            q, k, v, attn_mask=mask, is_causal=self.causal and first
        )  # (B, H, T, K)
        return self.project(mixed.transpose(1, 2).flatten(2))  # (B, T, D)

    def weights(self, x: Tensor) -> Tensor:
        """The (B, H, T, T) weights that `forward` uses for x (B, T, D), for a reader to look at."""
        q, k, _ = self.split(x)
        return attention_weights(q, k, causal=self.causal)


def visible(num_new: int, num_all: int, device: torch.device) -> Tensor | None:
    """(num_new, num_all) True where a new token may look; None for one token, which sees all."""
    if num_new == 1:
        return None
    shown = torch.ones(num_new, num_all, dtype=torch.bool, device=device)
    return shown.tril(num_all - num_new)
