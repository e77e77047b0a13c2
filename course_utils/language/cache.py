"""What a decoder keeps of the text so far.

Letters: B batch, T tokens, D width, K width of a head.
"""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils.layers import KeyValues


class Cache:
    """What a `GPT` keeps of the tokens that it has read, so that each is read once.

    Args:
        length: most tokens that it can hold.
        num_layers: of the model.
        turns: (length, K / 2) rotations of all positions, or None for a model without.

    Attributes:
        layers: keys and values of each layer.
        newest: (B, 1, D) embedding of the last token read, or None before the first.
    """

    def __init__(self, length: int, num_layers: int, turns: Tensor | None) -> None:
        self.layers = [KeyValues(length) for _ in range(num_layers)]
        self.turns = turns
        self.newest: Tensor | None = None

    @property
    def size(self) -> int:
        """Tokens read so far."""
        return self.layers[0].size

    def before(self, x: Tensor) -> Tensor:
        """For each embedding in x (B, T, D) the one before it, (B, T, D); zero before the first."""
        newest = torch.zeros_like(x[:, :1]) if self.newest is None else self.newest
        if len(newest) != len(x):
            raise ValueError(
                f"this cache holds a batch of {len(newest)}; got one of {len(x)}. "
                "Make a new cache for other texts."
            )
        self.newest = x[:, -1:]
        return torch.cat([newest, x[:, :-1]], dim=1)
