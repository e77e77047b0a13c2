"""Layers that both families share: attention, the transformer block, and the time embedding.

Letters: B batch, T tokens, D width, H heads, K width of a head.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn


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


class Attention(nn.Module):
    """Multi-head self-attention on torch's `scaled_dot_product_attention`.

    Args:
        width: D, the width of the residual stream; divisible by `num_heads`.
        num_heads: H.
        causal: True hides later positions (a decoder), False shows all (an encoder).

    Raises:
        ValueError: `width` is not divisible by `num_heads`.
    """

    def __init__(self, width: int, num_heads: int, *, causal: bool) -> None:
        super().__init__()
        if width % num_heads:
            raise ValueError(
                f"width must be divisible by num_heads; got width={width}, num_heads={num_heads}. "
                f"Use width={math.ceil(width / num_heads) * num_heads}."
            )
        self.num_heads = num_heads
        self.causal = causal
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.project = nn.Linear(width, width, bias=False)

    def split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of x (B, T, D), each (B, H, T, K)."""
        q, k, v = rearrange(
            self.qkv(x), "b t (three h k) -> three b h t k", three=3, h=self.num_heads
        )
        return q, k, v

    def forward(self, x: Tensor) -> Tensor:
        """Mix the positions of x (B, T, D); returns (B, T, D)."""
        q, k, v = self.split(x)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)  # (B, H, T, K)
        return self.project(rearrange(mixed, "b h t k -> b t (h k)"))  # (B, T, D)

    def weights(self, x: Tensor) -> Tensor:
        """The (B, H, T, T) weights that `forward` uses for x (B, T, D), for a reader to look at."""
        q, k, _ = self.split(x)
        return attention_weights(q, k, causal=self.causal)


class Block(nn.Module):
    """Pre-norm transformer block: attention between positions, then an MLP at each position.

    Args:
        width: D.
        num_heads: H.
        causal: passed to `Attention`.

    Source: Radford et al. 2019 (GPT-2); pre-norm as in Xiong et al. 2020, arXiv:2002.04745.
    """

    def __init__(self, width: int, num_heads: int, *, causal: bool) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(width)
        self.attention = Attention(width, num_heads, causal=causal)
        self.norm_mlp = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width),
            nn.GELU(approximate="tanh"),
            nn.Linear(4 * width, width),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Add what attention and the MLP find to the residual stream x (B, T, D)."""
        x = x + self.attention(self.norm_attention(x))
        return x + self.mlp(self.norm_mlp(x))


def time_embedding(t: Tensor, width: int) -> Tensor:
    """Sines and cosines of the diffusion time at geometrically spaced frequencies.

    Args:
        t: (B,) times in [0, 1].
        width: size of the embedding, even and at least 4.

    Returns:
        (B, width) features in [-1, 1]. Wavelengths run from 2 pi / 1000 to 2 pi * 10 in units of t.

    Raises:
        ValueError: the width is odd or too small.

    Source: Ho et al. 2020, appendix B, arXiv:2006.11239, with t scaled to 1000 steps.
    """
    half = width // 2
    if width % 2 or width < 4:
        raise ValueError(
            f"width must be even and at least 4; got {width}. Use {max(4, width + 1)}."
        )
    exponent = torch.linspace(0, 1, half, device=t.device)
    angles = 1000 * t[:, None] * 10_000**-exponent  # (B, half)
    return torch.cat([angles.sin(), angles.cos()], dim=1)  # (B, width)
