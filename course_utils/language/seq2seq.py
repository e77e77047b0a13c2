"""From one sequence to another: an encoder with a decoder, or a decoder alone.

Both layouts are asked in the same way, `model(source, target)`, and answer with logits for what
comes after each token of the target. Letters: B batch, S tokens of the source, T of the target,
V vocabulary, D width, H heads.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.language.cache import Cache
from course_utils.language.inputs import check_batch, check_length, check_vocabulary
from course_utils.layers import Attention, Block, check_sizes, rotations, zero
from course_utils.layers.cross import CrossAttention, Memory, masked_attention


@dataclass(frozen=True)
class Seq2SeqConfig:
    """What a checkpoint of an `EncoderDecoder` must store.

    Attributes:
        vocab_size: V of source and target together.
        context_length: most tokens of a source, and of a target.
        encoder_layers: blocks that read the source, at least 1.
        decoder_layers: blocks that write the target, at least 1.
        num_heads: H.
        width: D, divisible by 2 num_heads.
        pad: the token that fills up short sources.
        bidirectional: False lets each word of the source see only those before it.

    Raises:
        ValueError: a size is out of its range, or pad is no token.
    """

    vocab_size: int
    context_length: int = 128
    encoder_layers: int = 1
    decoder_layers: int = 2
    num_heads: int = 2
    width: int = 48
    pad: int = 0
    bidirectional: bool = True

    def __post_init__(self) -> None:
        check_sizes(vocab_size=self.vocab_size, context_length=self.context_length)
        check_sizes(encoder_layers=self.encoder_layers, decoder_layers=self.decoder_layers)
        check_sizes(num_heads=self.num_heads, width=self.width)
        if self.width % (2 * self.num_heads):
            raise ValueError(
                "rotary positions turn pairs of features in each head, so width must be divisible "
                f"by 2 num_heads; got width={self.width}, num_heads={self.num_heads}. "
                f"Use width={self.width + -self.width % (2 * self.num_heads)}."
            )
        if not 0 <= self.pad < self.vocab_size:
            raise ValueError(
                f"pad must be a token from 0 to {self.vocab_size - 1}; got {self.pad}."
            )


class DecoderBlock(nn.Module):
    """A causal block that also looks at a source: self-attention, cross-attention, MLP.

    Each adds to the residual stream what it finds, with a norm before it, and says 0 until it is
    trained.

    Source: Vaswani et al. 2017, figure 1, arXiv:1706.03762, with the norms first.
    """

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.own = Block(width, num_heads, causal=True)
        self.norm = nn.LayerNorm(width, bias=False)
        self.cross = CrossAttention(width, num_heads)
        zero(self.cross.project)

    def forward(self, x: Tensor, memory: Memory, turns: Tensor, cache=None) -> Tensor:
        """Change x (B, T, D) by what it and the source say."""
        own = self.own
        x = x + own.attention(own.norm_attention(x), turns, cache)
        x = x + self.cross(self.norm(x), memory)
        return x + own.mlp(own.norm_mlp(x))


class EncoderDecoder(nn.Module):
    """An encoder reads the whole source at once, a decoder writes and looks at what was read.

    All parts are those of `GPT`; source and target share one table of embeddings, and each joins
    the embedding of a token with some of the one before it. Meant for `training.muon`.

    Args:
        config: sizes; see `Seq2SeqConfig`.
    """

    edges = ("embed", "logits")

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__()
        self.config = config
        width, heads = config.width, config.num_heads
        self.embed = nn.Embedding(config.vocab_size, width)
        self.previous = nn.Parameter(torch.zeros(2, width))  # of the source, of the target
        self.encoder = nn.ModuleList(
            Block(width, heads, causal=not config.bidirectional)
            for _ in range(config.encoder_layers)
        )
        self.decoder = nn.ModuleList(
            DecoderBlock(width, heads) for _ in range(config.decoder_layers)
        )
        self.norm_source = nn.LayerNorm(width, bias=False)
        self.norm = nn.LayerNorm(width, bias=False)
        self.logits = zero(nn.Linear(width, config.vocab_size, bias=False))

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Logits (B, T, V) for what follows each token of target (B, T), given source (B, S).

        Sources that are shorter than the longest end in `config.pad`, which changes nothing.
        """
        return self.decode(target, self.encode(source))

    def encode(self, source: Tensor) -> list[Memory]:
        x, seen = self._embedded(source, 0), source != self.config.pad
        for block in self.encoder:
            x = x + masked_attention(
                block.attention, block.norm_attention(x), self._turns(x.shape[1]), seen
            )
            x = x + block.mlp(block.norm_mlp(x))
        x = self.norm_source(x)
        return [block.cross.read(x, seen) for block in self.decoder]

    def decode(self, target: Tensor, memories, cache=None) -> Tensor:
        x = self._embedded(target, 1)
        for block, memory in zip(self.decoder, memories):
            x = block(x, memory, self._turns(x.shape[1]))
        return self.logits(self.norm(x))

    def _embedded(self, tokens, which):
        x = self.embed(tokens)
        return torch.addcmul(x, F.pad(x, (0, 0, 1, -1)), self.previous[which])

    def _turns(self, length: int) -> Tensor:
        return rotations(length, self.config.width // self.config.num_heads, like=self.embed.weight)


def join(source: Tensor, target: Tensor, pad: int) -> tuple[Tensor, Tensor]:
    lengths = (source != pad).sum(1, keepdim=True)  # (B, 1)
    places = lengths + torch.arange(target.shape[1], device=target.device)  # (B, T)
    room = torch.full_like(target, pad)
    return torch.cat([source, room], 1).scatter(1, places, target), places


class DecoderOnly(nn.Module):
    def __init__(self, gpt, pad=0):
        super().__init__()
        self.gpt, self.pad = gpt, pad

    def forward(self, source, target):
        tokens, places = join(source, target, self.pad)
        logits = self.gpt(tokens)
        return logits.gather(1, places[..., None].expand(-1, -1, logits.shape[-1]))


def pair_loss(model, batch, pad=0):
    source, target = trim(batch[0], pad), trim(batch[1], pad)
    logits = model(source, target[:, :-1])
    return F.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten(), ignore_index=pad)


def trim(tokens, pad):
    return tokens[:, : int((tokens != pad).any(0).sum())]


@torch.no_grad()
def exact(model, source, target, pad=0):
    right = model(source, target[:, :-1]).argmax(-1) == target[:, 1:]
    return (right | (target[:, 1:] == pad)).all(1)
