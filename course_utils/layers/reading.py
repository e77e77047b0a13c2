"""How a picture looks at a text. Letters: B batch, L words of the text, W width of a word, C D."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from course_utils.layers.block import zero
from course_utils.layers.cross import CrossAttention


@dataclass(frozen=True)
class Reading:
    """What a text encoder says.

    Attributes:
        vector: (B, W) the whole text.
        words: (B, L, W) each word.
        seen: (B, L) True where there is a word; at least one a row.
    """

    vector: Tensor
    words: Tensor
    seen: Tensor


class TextReader(Protocol):
    """What a network that paints needs of a text encoder: tokens (B, L), -1 for none -> Reading."""

    width: int

    def __call__(self, tokens: Tensor, /) -> Reading:
        """Read the texts."""


class Look(nn.Module):
    """Each place of a picture looks at the words of a text, and adds what it finds.

    x + W CrossAttention(norm(x), words). It adds nothing until it is trained.

    Args:
        channels: C, the width of a place; divisible by `num_heads`.
        width: W of the words.
        num_heads: H, at least 1.

    Raises:
        ValueError: a size is out of its range.

    Source: Rombach et al. 2022, section 3.3, arXiv:2112.10752.
    """

    def __init__(self, channels: int, width: int, num_heads: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.cross = CrossAttention(channels, num_heads, width)
        zero(self.cross.project)

    def forward(self, x: Tensor, text: Reading) -> Tensor:
        """X (B, T, C) tokens or (B, C, H, W) an image, of the same shape again."""
        places = x.flatten(2).mT if x.ndim == 4 else x  # (B, H W, C)
        memory = self.cross.read(text.words, text.seen)
        found = self.cross(self.norm(places), memory)
        return x + (found.mT.unflatten(2, x.shape[2:]) if x.ndim == 4 else found)


def read_text(reader: TextReader | None, tokens: Tensor | None, num: int) -> Reading | None:
    """Let a network's reader read one text an example; without a text it reads an empty one.

    Raises:
        ValueError: the network has a reader, and the condition is not (B, L) tokens.
    """
    if reader is None:
        return None
    if tokens is None:
        device = next(iter(reader.parameters())).device if isinstance(reader, nn.Module) else "cpu"
        tokens = torch.full((num, 1), -1, device=device)
    if tokens.ndim != 2 or tokens.dtype != torch.int64 or len(tokens) != num:
        raise ValueError(
            f"this network reads texts: cond must be int64 tokens ({num}, L), one text an example, "
            f"-1 where there is no word; got {tokens.dtype} of shape {tuple(tokens.shape)}."
        )
    return reader(tokens)
