"""The block of a decoder that looks at a source. Letters: B batch, T tokens, D width, H heads."""

from __future__ import annotations

from torch import Tensor, nn

from course_utils.layers.attending import KeyValues
from course_utils.layers.block import Block, zero
from course_utils.layers.cross import CrossAttention, Memory


class DecoderBlock(nn.Module):
    """A causal block that also looks at a source: self-attention, cross-attention, MLP.

    Each adds what it finds to the residual stream, sees it through a norm, and adds nothing until
    it is trained.

    Args:
        width: D.
        num_heads: H.

    Source: Vaswani et al. 2017, figure 1, arXiv:1706.03762, with the norms first.
    """

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.own = Block(width, num_heads, causal=True)  # its self-attention and its MLP
        self.norm = nn.LayerNorm(width, bias=False)
        self.cross = CrossAttention(width, num_heads)
        zero(self.cross.project)

    def forward(
        self, x: Tensor, memory: Memory, turns: Tensor, cache: KeyValues | None = None
    ) -> Tensor:
        """What x (B, T, D) becomes, given the memory of a source; (B, T, D)."""
        own = self.own
        x = x + own.attention(own.norm_attention(x), turns, cache)
        x = x + self.cross(self.norm(x), memory)
        return x + own.mlp(own.norm_mlp(x))
