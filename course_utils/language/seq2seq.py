"""An encoder reads a source, a decoder writes a target and looks at what was read.

Letters: B batch, S tokens of the source, T of the target, V vocabulary, D width, H heads.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.language.cache import Cache
from course_utils.language.inputs import (
    check_batch,
    check_length,
    check_pad,
    check_padding,
    check_vocabulary,
)
from course_utils.layers import (
    Block,
    DecoderBlock,
    Memory,
    check_heads,
    check_sizes,
    masked_attention,
    rotations,
    zero,
)


@dataclass(frozen=True)
class Seq2SeqConfig:
    """What a checkpoint of an `EncoderDecoder` must store. All sizes are at least 1.

    Attributes:
        vocab_size: V of source and target together.
        context_length: most tokens of a source, and of a target.
        encoder_layers: blocks that read the source.
        decoder_layers: blocks that write the target.
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
    width: int = 32
    pad: int = 0
    bidirectional: bool = True

    def __post_init__(self) -> None:
        check_sizes(vocab_size=self.vocab_size, context_length=self.context_length)
        check_sizes(encoder_layers=self.encoder_layers, decoder_layers=self.decoder_layers)
        check_heads(self.width, self.num_heads, rotary=True)
        check_pad(self.pad, self.vocab_size)
        if not isinstance(self.bidirectional, bool):
            raise ValueError(f"bidirectional must be True or False; got {self.bidirectional!r}.")


class EncoderDecoder(nn.Module):
    """An encoder that sees the whole source at once, and a causal decoder with cross-attention.

    Its parts are those of `GPT`: rotary positions, each embedding joined with some of the one
    before it, ReLU, no biases, outputs that start at zero. Source and target share one table of
    embeddings. It is meant for `training.muon`.

    Args:
        config: sizes; see `Seq2SeqConfig`.

    Source: Vaswani et al. 2017, arXiv:1706.03762.
    """

    edges = ("embed", "logits")  # not hidden: left to AdamW

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__()
        self.config, self.pad = config, config.pad
        width, heads = config.width, config.num_heads
        self.embed = nn.Embedding(config.vocab_size, width)
        self.previous = nn.Parameter(torch.zeros(2, width))  # for the source, for the target
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

        A source that is shorter than the longest ends in `config.pad`, which changes nothing.

        Raises:
            ValueError: a text is longer than the context, a token outside the vocabulary, a source
                empty or padded elsewhere than at its end, or there is not one source a target.
        """
        return self.decode(target, self.encode(source))

    def encode(self, source: Tensor) -> list[Memory]:
        """Read source (B, S) once; returns what each layer of the decoder looks at."""
        states, seen = self.states(source), source != self.pad
        layers = [block.cross for block in self.decoder if isinstance(block, DecoderBlock)]
        return [cross.read(states, seen) for cross in layers]

    def states(self, source: Tensor) -> Tensor:
        """What the encoder makes of source (B, S): a vector for each token, (B, S, D)."""
        self._check(source, "source")
        check_padding(source, self.pad)
        seen = source != self.pad
        x = self.embed(source)  # (B, S, D)
        x = torch.addcmul(x, F.pad(x, (0, 0, 1, -1)), self.previous[0])
        turns = self._turns(source.shape[1])
        for block in self.encoder:
            assert isinstance(block, Block)
            x = x + masked_attention(block.attention, block.norm_attention(x), turns, seen)
            x = x + block.mlp(block.norm_mlp(x))
        return self.norm_source(x)

    def decode(self, target: Tensor, memories: list[Memory], cache: Cache | None = None) -> Tensor:
        """Logits (B, T, V) for target (B, T), or for its newest tokens with a cache of the rest."""
        start = 0 if cache is None else cache.size
        self._check(target, "target", start)
        x = self.embed(target)  # (B, T, D)
        before = F.pad(x, (0, 0, 1, -1)) if cache is None else cache.before(x)
        x = torch.addcmul(x, before, self.previous[1])
        turns = self._turns(start + target.shape[1])[start:]
        for index, block in enumerate(self.decoder):
            x = block(x, memories[index], turns, None if cache is None else cache.layers[index])
        return self.logits(self.norm(x))  # (B, T, V)

    def given(self, source: Tensor) -> Given:
        """The model with source (B, S) read once and for all: a language model of the target."""
        return Given(self, self.encode(source))

    def _check(self, tokens: Tensor, name: str, start: int = 0) -> None:
        check_batch(tokens, name)
        check_vocabulary(tokens, self.config.vocab_size)
        check_length(start + tokens.shape[1], self.config.context_length)

    def _turns(self, length: int) -> Tensor:
        """(T, K / 2) rotations of the first positions."""
        return rotations(length, self.config.width // self.config.num_heads, like=self.embed.weight)


class Given(nn.Module):
    """A decoder whose source is read: tokens (B, T) -> logits (B, T, V), as `sample` asks for.

    Args:
        model: whose decoder writes.
        memories: from `model.encode`.
    """

    def __init__(self, model: EncoderDecoder, memories: list[Memory]) -> None:
        super().__init__()
        self.model, self.memories = model, memories
        self.context_length = self.max_length = model.config.context_length

    def make_cache(self, mask: Tensor | None = None) -> Cache:
        """An empty cache of the target. The source needs none: its keys and values stay.

        Raises:
            ValueError: there is a mask: targets begin together, so none of them is padded.
        """
        if mask is not None:
            raise ValueError(
                "targets begin together with a start token, so there is no padding to hide. "
                "Leave out mask; sources are padded at their end."
            )
        return Cache(self.context_length, self.model.config.decoder_layers, None)

    def forward(self, tokens: Tensor, cache: Cache | None = None) -> Tensor:
        """Logits (B, T, V) for what follows each token of the target so far."""
        return self.model.decode(tokens, self.memories, cache)
