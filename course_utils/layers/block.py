"""The transformer block. Letters: B batch, T tokens, D width, H heads."""

from __future__ import annotations

from torch import Tensor, nn

from course_utils.layers.attention import Attention, KeyValues


class Block(nn.Module):
    """Pre-norm transformer block: attention between positions, then an MLP at each position.

    Its two outputs start at zero, so a deep stack begins as the identity and trains at once.

    Args:
        width: D.
        num_heads: H.
        causal: passed to `Attention`.
        rotary: passed to `Attention`.

    Source: Radford et al. 2019 (GPT-2); pre-norm as in Xiong et al. 2020, arXiv:2002.04745; RMS
    norm of Zhang & Sennrich 2019, arXiv:1910.07467.
    """

    def __init__(self, width: int, num_heads: int, *, causal: bool, rotary: bool = False) -> None:
        super().__init__()
        self.attention = Attention(width, num_heads, causal=causal, rotary=rotary)
        leave = nn.Linear(4 * width, width, bias=False)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width, bias=False), nn.ReLU(), leave)
        self.norm_attention = nn.LayerNorm(width, bias=False)
        self.norm_mlp = nn.LayerNorm(width, bias=False)
        nn.init.zeros_(self.attention.project.weight)
        nn.init.zeros_(leave.weight)

    def forward(self, x: Tensor, cache: KeyValues | None = None) -> Tensor:
        """Add what attention and the MLP find to the residual stream x (B, T, D)."""
        x = x + self.attention(self.norm_attention(x), cache)
        return x + self.mlp(self.norm_mlp(x))
