"""The transformer block of both families. Letters: B batch, T tokens, D width, H heads."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from course_utils.layers.attending import Attention, KeyValues


class Block(nn.Module):
    """Pre-norm transformer block: attention between positions, then an MLP at each position.

    It starts as the identity, so that a deep stack trains at once. Plain, as in a language model,
    its two outputs start at zero. Conditioned, as in a diffusion transformer, the condition shifts
    and scales what attention and MLP see and gates what they add, and the gates start at zero
    (adaLN-Zero).

    Args:
        width: D.
        num_heads: H.
        causal: passed to `Attention`.
        conditioned: True for a block that is given a condition.

    Source: Radford et al. 2019 (GPT-2); norms first as in Xiong et al. 2020, arXiv:2002.04745;
    conditioned as in Peebles & Xie 2023, section 3.2, arXiv:2212.09748. ReLU, no biases.
    """

    def __init__(
        self, width: int, num_heads: int, *, causal: bool, conditioned: bool = False
    ) -> None:
        super().__init__()
        self.attention = Attention(width, num_heads, causal=causal)
        leave = nn.Linear(4 * width, width, bias=False)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width, bias=False), nn.ReLU(), leave)
        # A condition brings its own scale.
        self.norm_attention = nn.LayerNorm(width, elementwise_affine=not conditioned, bias=False)
        self.norm_mlp = nn.LayerNorm(width, elementwise_affine=not conditioned, bias=False)
        self.modulation = zero(nn.Linear(width, 6 * width)) if conditioned else None
        if not conditioned:
            zero(self.attention.project)
            zero(leave)

    def forward(
        self,
        x: Tensor,
        cond: Tensor | None = None,
        *,
        turns: Tensor | None = None,
        cache: KeyValues | None = None,
    ) -> Tensor:
        """Add what attention and the MLP find to the residual stream x (B, T, D).

        Args:
            x: (B, T, D).
            cond: (B, D), for a conditioned block.
            turns: passed to `Attention`.
            cache: passed to `Attention`.

        Raises:
            ValueError: there is a condition for a plain block, or none for a conditioned one, or
                one of another batch.
        """
        if (cond is None) is not (self.modulation is None):
            raise ValueError(
                "a block with conditioned=True needs a condition (B, D), a plain one takes none; "
                f"got {None if cond is None else tuple(cond.shape)}."
            )
        if cond is not None and len(cond) != len(x):
            raise ValueError(
                f"cond must be (B, D) with B={len(x)} as x has; got {tuple(cond.shape)}."
            )
        if self.modulation is None:
            x = x + self.attention(self.norm_attention(x), turns, cache)
            return x + self.mlp(self.norm_mlp(x))
        parts = self.modulation(cond)[:, None].chunk(6, dim=-1)  # six of (B, 1, D)
        shift, scale, gate = parts[:3]
        seen = modulate(self.norm_attention(x), shift, scale)
        x = torch.addcmul(x, gate, self.attention(seen, turns, cache))
        shift, scale, gate = parts[3:]
        seen = modulate(self.norm_mlp(x), shift, scale)
        return torch.addcmul(x, gate, self.mlp(seen))


def modulate(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Give x (B, T, D) times 1 + scale (B, 1, D) plus shift (B, 1, D)."""
    return torch.addcmul(shift, x, 1 + scale)


def zero(linear: nn.Linear) -> nn.Linear:
    """The same layer, saying 0 until it is trained."""
    for p in linear.parameters():
        nn.init.zeros_(p)
    return linear
