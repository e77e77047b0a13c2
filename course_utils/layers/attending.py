"""Attention: written out, on torch's kernel, and with a cache.

Letters: B batch, S queries, T tokens, D width, H heads, K width of a head.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.layers.inputs import check_heads, check_sizes
from course_utils.layers.rotary import rotate


def attention_weights(query: Tensor, key: Tensor, *, causal: bool) -> Tensor:
    """Attention weights softmax(q k^T / sqrt(K)), written out.

    Args:
        query: (B, H, S, K).
        key: (B, H, T, K).
        causal: True hides every later position from each query. Fewer queries than keys are those
            of the last S positions, as when the keys before them come from a cache.

    Returns:
        (B, H, S, T) weights; row i says how much query i takes from each position, and sums to 1.

    Raises:
        ValueError: there are more queries than keys, and so some with nothing to look at.

    Source: Vaswani et al. 2017, equation 1, arXiv:1706.03762.
    """
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])  # (B, H, S, T)
    if causal:
        hidden = ~visible(query.shape[-2], key.shape[-2], query.device)
        scores = scores.masked_fill(hidden, -math.inf)
    return scores.softmax(dim=-1)


def attention(query: Tensor, key: Tensor, value: Tensor, *, causal: bool) -> Tensor:
    """Attention by hand: the weighted average of the values; the reference for torch's kernel.

    Args:
        query: (B, H, S, K).
        key: (B, H, T, K).
        value: (B, H, T, K).
        causal: as in `attention_weights`.

    Returns:
        (B, H, S, K).
    """
    return attention_weights(query, key, causal=causal) @ value


def visible(num_queries: int, num_keys: int, device: torch.device) -> Tensor:
    """(S, T) True where a query may look: up to its own position, the last ones being together.

    Raises:
        ValueError: there are more queries than keys.
    """
    if num_queries > num_keys:
        raise ValueError(
            f"causal attention needs a key for every query; got {num_queries} queries and "
            f"{num_keys} keys. Use causal=False to let all look at all."
        )
    shown = torch.ones(num_queries, num_keys, dtype=torch.bool, device=device)
    return shown.tril(num_keys - num_queries)


class KeyValues:
    """Keys and values of the tokens read so far, kept so that each is computed once.

    Args:
        length: most tokens that it can hold, at least 1.
        mask: (B, T) False for padding among the first tokens, which no other token may see. None is
            a batch without.

    Attributes:
        size: tokens that it holds.
    """

    def __init__(self, length: int, mask: Tensor | None = None) -> None:
        check_sizes(length=length)
        self.length, self.size = length, 0
        self.keys = self.values = torch.empty(0)
        self.mask = mask

    def extend(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Add keys and values, each (B, H, T, K); returns all so far, each (B, H, size, K).

        Raises:
            ValueError: there is no room for them, or they are of another batch, shape or dtype.
        """
        before, size = self.size, self.size + keys.shape[2]
        if size > self.length:
            raise ValueError(
                f"this cache holds at most {self.length} tokens; got {size}. Make a longer one."
            )
        if not before:
            shape = (*keys.shape[:2], self.length, keys.shape[3])
            self.keys, self.values = keys.new_empty(shape), values.new_empty(shape)
        elif len(keys) != len(self.keys):
            raise ValueError(
                f"this cache holds a batch of {len(self.keys)}; got one of {len(keys)}. "
                "Make a new cache for other texts."
            )
        for kept, new in (self.keys, keys), (self.values, values):
            room = kept[:, :, before:size]
            if room.shape != new.shape or room.dtype != new.dtype:
                raise ValueError(
                    "keys and values must both have the heads, width and dtype of this cache, "
                    f"{tuple(room.shape)}, {room.dtype}; got {tuple(keys.shape)}, "
                    f"{keys.dtype} and {tuple(values.shape)}, {values.dtype}."
                )
            room.copy_(new)
        self.size = size
        return self.keys[:, :, :size], self.values[:, :, :size]

    def select(self, rows: Tensor) -> None:
        """Go on with these rows (B',) of the batch, in this order; a row may come several times."""
        if self.size:
            self.keys, self.values = self.keys[rows], self.values[rows]
        if self.mask is not None:
            self.mask = self.mask[rows]

    def visible(self, num_queries: int, device: torch.device) -> Tensor | None:
        """What the last queries may see of all that is held: (S, T), with padding (B, 1, S, T).

        None where a single query sees everything. Padding sees itself, or it would have nothing to
        look at.
        """
        if self.mask is None:
            return visible(num_queries, self.size, device) if num_queries > 1 else None
        written = self.mask.new_ones(len(self.mask), max(self.size - self.mask.shape[1], 0))
        real = torch.cat([self.mask[:, : self.size], written], dim=1)[:, None, None]  # (B, 1, 1, T)
        if num_queries == 1 and written.shape[1]:  # a token of the text, and the last one
            return real
        itself = torch.eye(self.size, dtype=torch.bool, device=device)[-num_queries:]
        return visible(num_queries, self.size, device) & (real | itself)


class Attention(nn.Module):
    """Multi-head self-attention on torch's `scaled_dot_product_attention`.

    Args:
        width: D, the width of the residual stream; divisible by `num_heads`.
        num_heads: H, at least 1.
        causal: True hides later positions (a decoder), False shows all (an encoder).

    Raises:
        ValueError: a size is out of its range, or `width` is not divisible by `num_heads`.
    """

    def __init__(self, width: int, num_heads: int, *, causal: bool) -> None:
        super().__init__()
        check_heads(width, num_heads)
        self.num_heads = num_heads
        self.causal = causal
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.project = nn.Linear(width, width, bias=False)

    def split(self, x: Tensor, turns: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of x (B, T, D), each (B, H, T, K)."""
        parts = self.qkv(x).unflatten(-1, (3, self.num_heads, -1))  # (B, T, 3, H, K)
        pair, v = parts.permute(2, 0, 3, 1, 4).split((2, 1))  # (2, B, H, T, K), (1, B, H, T, K)
        q, k = pair if turns is None else rotate(pair, turns)
        return q, k, v[0]

    def forward(
        self, x: Tensor, turns: Tensor | None = None, cache: KeyValues | None = None, /
    ) -> Tensor:
        """Mix the positions of x (B, T, D); returns (B, T, D).

        Args:
            x: (B, T, D).
            turns: (T, K / 2) `rotations` that tell queries and keys their positions. Without them
                the order of what is seen does not matter.
            cache: keys and values of the tokens before those in x, which see these too; those in
                x are added. Only for causal attention.

        Raises:
            ValueError: there is a cache, but tokens that were read before would see those in x.
        """
        q, k, v = self.split(x, turns)
        if cache is not None:
            if not self.causal:
                raise ValueError(
                    "a cache needs causal=True: without it a new token changes what all earlier "
                    "ones see, so nothing can be kept. Read the whole text each time."
                )
            k, v = cache.extend(k, v)
        whole = self.causal and q.shape[2] == k.shape[2]  # torch's own causal mask fits
        mask = None
        if cache is not None and (cache.mask is not None or not whole):
            mask, whole = cache.visible(q.shape[2], x.device), False
        mixed = F.scaled_dot_product_attention(
            q, k, v, attn_mask=mask, is_causal=whole
        )  # (B, H, T, K)
        return self.project(mixed.transpose(1, 2).flatten(2))  # (B, T, D)

    def weights(self, x: Tensor, turns: Tensor | None = None) -> Tensor:
        """The (B, H, T, T) weights that `forward` uses for x (B, T, D), for a reader to look at."""
        q, k, _ = self.split(x, turns)
        return attention_weights(q, k, causal=self.causal)
