"""Attention from one sequence to another, and masks for what is only padding.

Letters: B batch, T positions that ask, S positions that answer, D width, H heads, K width of a
head.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.layers.attending import Attention, visible
from course_utils.layers.inputs import check_heads, check_sizes


@dataclass(frozen=True)
class Memory:
    """Keys and values of a source, computed once and read as often as needed.

    Attributes:
        keys: (B, H, S, K).
        values: (B, H, S, K).
        seen: (B, S) True where there is something to read; None if everywhere.
    """

    keys: Tensor
    values: Tensor
    seen: Tensor | None = None

    @property
    def mask(self) -> Tensor | None:
        """`seen` in the shape that attention takes, (B, 1, 1, S)."""
        return None if self.seen is None else self.seen[:, None, None, :]


class CrossAttention(nn.Module):
    """Multi-head attention whose queries come from one sequence, keys and values from another.

    output = softmax(q k^T / sqrt(K)) v, with q = x W_q and k, v = source W_kv. There is no causal
    mask: the whole source is there before the first token is written.

    Args:
        width: D of the sequence that asks, divisible by `num_heads`.
        num_heads: H, at least 1.
        source_width: of the sequence that answers; None if it is as wide.

    Raises:
        ValueError: a size is out of its range, or `width` is not divisible by `num_heads`.

    Source: Vaswani et al. 2017, section 3.2.3, arXiv:1706.03762; the idea is that of Bahdanau et
    al. 2015, arXiv:1409.0473.
    """

    def __init__(self, width: int, num_heads: int, source_width: int | None = None) -> None:
        super().__init__()
        check_heads(width, num_heads)
        source_width = width if source_width is None else source_width
        check_sizes(source_width=source_width)
        self.num_heads = num_heads
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(source_width, 2 * width, bias=False)
        self.project = nn.Linear(width, width, bias=False)

    def read(self, source: Tensor, seen: Tensor | None = None) -> Memory:
        """Keys and values of source (B, S, D), to be given to `forward` again and again.

        Args:
            source: (B, S, D), or of its own width.
            seen: (B, S) False where the source is padding, which then gets a weight of exactly 0,
                whatever finite numbers stand there.

        Raises:
            ValueError: the source has another width, or the mask another shape or type, or it
                leaves a source with nothing.
        """
        if source.ndim != 3 or source.shape[-1] != self.key_value.in_features:
            raise ValueError(
                f"source must have shape (B, S, {self.key_value.in_features}); got "
                f"{tuple(source.shape)}."
            )
        check_seen(seen, source)
        parts = self.key_value(source).unflatten(-1, (2, self.num_heads, -1))  # (B, S, 2, H, K)
        keys, values = parts.permute(2, 0, 3, 1, 4)  # two of (B, H, S, K)
        return Memory(keys, values, seen)

    def forward(self, x: Tensor, memory: Memory, /) -> Tensor:
        """What x (B, T, D) finds in a memory of as many sources; (B, T, D)."""
        query = self._queries(x, memory)
        mixed = F.scaled_dot_product_attention(
            query, memory.keys, memory.values, attn_mask=memory.mask
        )  # (B, H, T, K)
        return self.project(mixed.transpose(1, 2).flatten(2))

    def weights(self, x: Tensor, memory: Memory) -> Tensor:
        """The (B, H, T, S) weights that `forward` uses, written out, for a reader to look at."""
        query = self._queries(x, memory)
        scores = query @ memory.keys.mT / math.sqrt(query.shape[-1])
        if memory.mask is not None:
            scores = scores.masked_fill(~memory.mask, -math.inf)
        return scores.softmax(dim=-1)

    def _queries(self, x: Tensor, memory: Memory) -> Tensor:
        """(B, H, T, K).

        Raises:
            ValueError: there are not as many sources as there are rows of x.
        """
        if len(x) != len(memory.keys):
            raise ValueError(
                f"each of the {len(x)} rows needs a source of its own; the memory holds "
                f"{len(memory.keys)}. Repeat the source, or read the right one."
            )
        return self.query(x).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)


def check_seen(seen: Tensor | None, source: Tensor) -> None:
    """Raise ValueError unless seen is None or says for each place of source (B, S, D) if it counts.

    Whether something is left in each row is looked at on the CPU only: an accelerator would wait.
    """
    if seen is None:
        return
    if seen.dtype != torch.bool or seen.shape != source.shape[:2]:
        raise ValueError(
            f"seen must be bool of shape {tuple(source.shape[:2])}, True where the source is no "
            f"padding; got {seen.dtype} of shape {tuple(seen.shape)}."
        )
    if seen.device.type == "cpu" and not bool(seen.any(1).all()):
        raise ValueError(
            f"source {int((~seen.any(1)).nonzero()[0])} is nothing but padding, so there is "
            "nothing to attend to. Leave it out, or give it a token."
        )


def masked_attention(
    layer: Attention, x: Tensor, turns: Tensor | None, seen: Tensor | None
) -> Tensor:
    """What `layer` makes of x (B, T, D) when padding is hidden from all; (B, T, D).

    Args:
        layer: self-attention, causal or not.
        x: (B, T, D).
        turns: as in `Attention`.
        seen: (B, T) False where x is padding; None if nowhere. The first place is none. What comes
            out at padding means nothing.
    """
    if seen is None:
        return layer(x, turns)
    check_seen(seen, x)
    mask = seen[:, None, None, :]
    if layer.causal:
        mask = mask & visible(x.shape[1], x.shape[1], x.device)
    mixed = F.scaled_dot_product_attention(*layer.split(x, turns), attn_mask=mask)
    return layer.project(mixed.transpose(1, 2).flatten(2))
