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
        mask: (B, T) False for padding among the first tokens; it stands before each text, and no
            token of a text sees it. None is a batch without.

    Attributes:
        layers: keys and values of each layer.
        embeddings: of the tokens read, (B, T, D) for each call; padding is zero.
    """

    def __init__(
        self, length: int, num_layers: int, turns: Tensor | None, mask: Tensor | None = None
    ) -> None:
        self.layers = [KeyValues(length, mask) for _ in range(num_layers)]
        self.turns, self.mask = turns, mask
        self.embeddings: list[Tensor] = []

    @property
    def size(self) -> int:
        """Tokens read so far."""
        return self.layers[0].size

    def before(self, x: Tensor) -> Tensor:
        """For each embedding in x (B, T, D) the one before it, (B, T, D); zero before the first."""
        newest = self.embeddings[-1][:, -1:] if self.embeddings else torch.zeros_like(x[:, :1])
        if len(newest) != len(x):
            raise ValueError(
                f"this cache holds a batch of {len(newest)}; got one of {len(x)}. "
                "Make a new cache for other texts."
            )
        if self.mask is not None and self.size < self.mask.shape[1]:  # padding is nothing
            real = self.mask[:, self.size : self.size + x.shape[1]]
            x = torch.cat([x[:, : real.shape[1]] * real[..., None], x[:, real.shape[1] :]], dim=1)
        self.embeddings.append(x)
        return torch.cat([newest, x[:, :-1]], dim=1)

    def keep(self, size: int) -> None:
        """Forget all tokens after the first `size`, as when some that were tried are refused.

        Raises:
            ValueError: it does not hold so many.
        """
        surplus = self.size - size
        if size < 0 or surplus < 0:
            raise ValueError(f"this cache holds {self.size} tokens; it cannot keep {size}.")
        for layer in self.layers:
            layer.size = size
        while surplus and self.embeddings:
            newest = self.embeddings.pop()
            if newest.shape[1] > surplus:
                self.embeddings.append(newest[:, : newest.shape[1] - surplus])
            surplus -= min(surplus, newest.shape[1])

    def select(self, rows: Tensor) -> None:
        """Go on with these rows (B',) of the batch, in this order; a row may come several times."""
        for layer in self.layers:
            layer.select(rows)
        if self.mask is not None:
            self.mask = self.mask[rows]
        self.embeddings = [x[rows] for x in self.embeddings]
