"""Networks that see tokens and say, at each position, how likely each token is to come next.

Forward always returns logits (B, T, V). Letters: B batch, T tokens, V vocabulary, D width, H heads,
K width of a head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.language.cache import Cache
from course_utils.language.inputs import check_batch, check_length, check_mask, check_vocabulary
from course_utils.layers import Attention, Block, check_heads, check_sizes, rotations, zero


class MLP(nn.Module):
    """Looks at the last few tokens: embeds each, joins them, one hidden layer.

    Args:
        vocab_size: V, at least 1.
        num_previous: tokens that the network sees, the current one included, at least 1.
        embedding_width: size of a token's embedding, at least 1.
        width: D, hidden width, at least 1.

    Attributes:
        context_length: `num_previous`: the number of last tokens that a prediction depends on. The
            text may be longer.

    Raises:
        ValueError: a size is out of its range.

    Source: Bengio et al. 2003, "A Neural Probabilistic Language Model".
    """

    edges = ("embed", "logits")  # not hidden: `training.muon` leaves them to AdamW

    def __init__(
        self, vocab_size: int, num_previous: int = 8, embedding_width: int = 32, width: int = 256
    ) -> None:
        super().__init__()
        check_sizes(vocab_size=vocab_size, num_previous=num_previous)
        check_sizes(embedding_width=embedding_width, width=width)
        self.vocab_size = vocab_size
        self.num_previous = self.context_length = num_previous
        self.embed = nn.Embedding(vocab_size, embedding_width)
        self.hidden = nn.Linear(num_previous * embedding_width, width)
        self.logits = nn.Linear(width, vocab_size)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (B, T, V) for the token after each position of tokens (B, T)."""
        check_batch(tokens)
        check_vocabulary(tokens, self.vocab_size)
        x = self.embed(tokens)  # (B, T, E)
        x = F.pad(x, (0, 0, self.num_previous - 1, 0))  # zeros stand for what is before the text
        windows = x.unfold(1, self.num_previous, 1).mT.flatten(2)  # (B, T, num_previous * E)
        return self.logits(F.gelu(self.hidden(windows)))


@dataclass(frozen=True)
class GPTConfig:
    """What a checkpoint of a `GPT` must store. All sizes are at least 1.

    Attributes:
        vocab_size: V.
        context_length: most tokens that the model can see at once.
        num_layers: transformer blocks.
        num_heads: H.
        width: D, divisible by num_heads; with positions by 2 num_heads.
        causal: False lets every position see all others. Then each position also has a learned
            embedding: rotary positions alone tell how far apart two tokens are, so in a text whose
            tokens are all hidden, and so all alike, no position could know where it stands.
        positions: False leaves out all positions and the look at the token before.

    Raises:
        ValueError: a size is out of its range.
    """

    vocab_size: int
    context_length: int = 128
    num_layers: int = 2
    num_heads: int = 2
    width: int = 176
    causal: bool = True
    positions: bool = True

    def __post_init__(self) -> None:
        check_sizes(vocab_size=self.vocab_size, context_length=self.context_length)
        check_sizes(num_layers=self.num_layers)
        check_heads(self.width, self.num_heads, rotary=self.positions)


class GPT(nn.Module):
    """A decoder-only transformer, in the form that trains fastest here.

    It differs from GPT-2 in: rotary positions instead of learned ones, each embedding joined with
    some of the one before it, ReLU, no biases, outputs that start at zero. Few wide layers are
    the default, because a CPU does few large products sooner than many small ones.
    docs/experiments.md says what each of these buys. It is meant for `training.muon`.

    Args:
        config: sizes; see `GPTConfig`.

    Attributes:
        context_length: the number of last tokens that a prediction depends on.
        max_length: most tokens that `forward` takes, the same number: a longer text has to be cut.

    Source: Radford et al. 2019 (GPT-2), with changes that the speed-runs of nanoGPT collected
    (Jordan et al. 2024, github.com/KellerJordan/modded-nanogpt).
    """

    edges: tuple[str, ...] = ("embed", "logits")  # not hidden: left to AdamW

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        self.context_length = self.max_length = config.context_length
        looks_back = config.causal and config.positions
        sees_all = config.positions and not config.causal
        self.embed = nn.Embedding(config.vocab_size, config.width)
        self.places = nn.Embedding(config.context_length, config.width) if sees_all else None
        if sees_all:
            self.edges = (*self.edges, "places")
        self.previous = nn.Parameter(torch.zeros(config.width)) if looks_back else None
        self.blocks = nn.ModuleList(
            Block(config.width, config.num_heads, causal=config.causal)
            for _ in range(config.num_layers)
        )
        self.norm = nn.LayerNorm(config.width, bias=False)
        self.logits = zero(nn.Linear(config.width, config.vocab_size, bias=False))

    def make_cache(self, mask: Tensor | None = None) -> Cache | None:
        """An empty cache for one batch of texts, to be passed to `forward` again and again.

        Texts of unequal length are padded on their left, and mask (B, T) is False for the padding.
        None for a model that is not causal: there a new token changes what all others see, so
        nothing can be kept and the whole text is read each time.

        Raises:
            ValueError: padding stands elsewhere, or the mask is not bool.
        """
        if mask is not None:
            check_mask(mask, mask)
        if not self.config.causal:
            return None
        length = self.context_length
        return Cache(length, self.config.num_layers, self._turns(length), mask)

    def forward(self, tokens: Tensor, cache: Cache | None = None) -> Tensor:
        """Logits (B, T, V) for the token after each position of tokens (B, T).

        With a cache, tokens are those that follow the ones read before: the prompt in the first
        call, then the newest token alone. They are added to the cache.

        Raises:
            ValueError: the text is longer than the context, or a token outside the vocabulary.
        """
        check_batch(tokens)
        check_vocabulary(tokens, self.config.vocab_size)
        length, start = tokens.shape[1], 0 if cache is None else cache.size
        check_length(start + length, self.context_length)
        x = self.read(tokens, start)  # (B, T, D)
        if self.previous is not None:
            before = F.pad(x, (0, 0, 1, -1)) if cache is None else cache.before(x)
            x = torch.addcmul(x, before, self.previous)
        turns = self._turns(length, cache)
        for index, block in enumerate(self.blocks):
            x = block(x, turns=turns, cache=None if cache is None else cache.layers[index])
        return self.logits(self.norm(x))  # (B, T, V)

    def read(self, tokens: Tensor, start: int = 0) -> Tensor:
        """Embeddings (B, T, D) of tokens (B, T) of which the first stands at position `start`."""
        x: Tensor = self.embed(tokens)
        if self.places is None:
            return x
        return x + self.places.weight[start : start + tokens.shape[1]]

    def _turns(self, length: int, cache: Cache | None = None) -> Tensor | None:
        """(T, K / 2) rotations of the next positions, or None for a model without positions."""
        if not self.config.positions:
            return None
        if cache is not None and cache.turns is not None:
            return cache.turns[cache.size : cache.size + length]
        head_width = self.config.width // self.config.num_heads
        return rotations(length, head_width, like=self.embed.weight)


@torch.no_grad()
def attention_maps(model: nn.Module, tokens: Tensor) -> list[Tensor]:
    """The attention weights of every layer for tokens (B, T).

    Returns:
        One (B, H, T, T) tensor a layer, in the order in which they are used; row i says where
        position i looks.
    """
    maps: list[Tensor] = []

    def look(layer: nn.Module, given: tuple[Any, ...]) -> None:
        assert isinstance(layer, Attention)
        maps.append(layer.weights(*given[:2]))

    layers = [module for module in model.modules() if isinstance(module, Attention)]
    hooks = [layer.register_forward_pre_hook(look) for layer in layers]
    try:
        with torch.compiler.set_stance("force_eager"):  # compiled code would pass over the hooks
            model(tokens)
    finally:
        for hook in hooks:
            hook.remove()
    return maps
