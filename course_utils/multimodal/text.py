"""Text for networks that see pictures. Letters: B batch, L words, W width."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from course_utils.language import WordTokenizer
from course_utils.layers import (
    Block,
    Reading,
    check_heads,
    check_sizes,
    masked_attention,
    rotations,
)

NOTHING = -1  # in place of a word: there is none


def encode_captions(
    tokenizer: WordTokenizer, captions: Sequence[str], length: int | None = None
) -> Tensor:
    """Captions as tokens (B, L), -1 after their last word.

    Args:
        tokenizer: knows all their words.
        captions: B texts.
        length: L; the longest caption's if None, at least 1.

    Raises:
        ValueError: there is no caption, it is one text instead of a list, a word is unknown, or a
            caption is longer than L.
    """
    if isinstance(captions, str) or not captions:
        raise ValueError(f"expected a list of captions, at least one; got {captions!r}.")
    rows = [tokenizer.encode(caption) for caption in captions]
    longest = max(map(len, rows))
    length = max(longest, 1) if length is None else length  # an empty caption is -1 alone
    if longest > length:
        raise ValueError(f"a caption has {longest} words, but there is room for {length}.")
    tokens = torch.full((len(rows), length), NOTHING)
    for row, words in zip(tokens, rows, strict=True):
        row[: len(words)] = words
    return tokens


class TextEncoder(nn.Module):
    """Reads a caption: a vector for each word, and one for all.

    A start token comes before the words, so that an empty caption says something, too. The vector
    of the whole is the mean over the words and the start.

    Args:
        vocab_size: tokens 0 ... vocab_size - 1; -1 is no word.
        width: W, divisible by 2 num_heads.
        num_layers: transformer blocks in which each word sees all others, at their positions; 0
            leaves a bag of words, which does not know in which order they came.
        num_heads: of each block.

    Raises:
        ValueError: a size is out of its range; in use: tokens of another type, shape or vocabulary.
    """

    edges = ("embed",)

    def __init__(
        self, vocab_size: int, width: int = 64, num_layers: int = 1, num_heads: int = 4
    ) -> None:
        super().__init__()
        check_sizes(vocab_size=vocab_size)
        check_sizes(0, num_layers=num_layers)
        check_heads(width, num_heads, rotary=True)
        self.width, self.head_width = width, width // num_heads
        self.embed = nn.Embedding(vocab_size + 1, width)  # the last is the start
        self.blocks = nn.ModuleList(
            Block(width, num_heads, causal=False) for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(width, bias=False)

    def forward(self, tokens: Tensor) -> Reading:
        """Read tokens (B, L), -1 where there is no word; the reading has L + 1 places."""
        self._check(tokens)
        start = self.embed.num_embeddings - 1
        tokens = torch.cat([torch.full_like(tokens[:, :1], start), tokens], dim=1)
        seen = tokens != NOTHING  # (B, L + 1)
        x = self.embed(tokens.clamp(min=0))  # (B, L + 1, W)
        turns = rotations(tokens.shape[1], self.head_width, like=self.embed.weight)
        for block in self.blocks:
            assert isinstance(block, Block)
            x = x + masked_attention(block.attention, block.norm_attention(x), turns, seen)
            x = x + block.mlp(block.norm_mlp(x))
        words = self.norm(x)
        share = seen / seen.sum(1, keepdim=True)  # (B, L + 1)
        return Reading(torch.einsum("bl,blw->bw", share.to(words), words), words, seen)

    def _check(self, tokens: Tensor) -> None:
        if tokens.ndim != 2 or tokens.dtype != torch.int64 or not tokens.shape[1]:
            raise ValueError(
                "texts must be int64 tokens (B, L), -1 where there is no word; got "
                f"{tokens.dtype} of shape {tuple(tokens.shape)}. Use encode_captions."
            )
        if tokens.device.type == "cpu" and tokens.numel():  # an accelerator would wait
            low, high = (int(end) for end in tokens.aminmax())
            if low < NOTHING or high >= self.embed.num_embeddings - 1:
                raise ValueError(
                    f"tokens must lie in 0 ... {self.embed.num_embeddings - 2}, or be -1; got "
                    f"{low} ... {high}. Encode with the tokenizer that the encoder was built for."
                )
