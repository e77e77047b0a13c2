"""Networks that see tokens and say, at each position, how likely each token is to come next.

Forward always returns logits (B, T, V). Letters: B batch, T tokens, V vocabulary, D width, H heads.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.layers import Attention, Block, KeyValues


class MLP(nn.Module):
    """Looks at the last few tokens: embeds each, joins them, one hidden layer.

    Args:
        vocab_size: V.
        num_previous: tokens that the network sees, the current one included.
        embedding_width: size of a token's embedding.
        width: D, hidden width.

    Source: Bengio et al. 2003, "A Neural Probabilistic Language Model".
    """

    def __init__(
        self, vocab_size: int, num_previous: int = 8, embedding_width: int = 32, width: int = 256
    ) -> None:
        super().__init__()
        self.vocab_size = vocab_size
        self.num_previous = num_previous
        self.context_length = num_previous  # the sampler shows no more
        self.embed = nn.Embedding(vocab_size, embedding_width)
        self.hidden = nn.Linear(num_previous * embedding_width, width)
        self.logits = nn.Linear(width, vocab_size)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (B, T, V) for the token after each position of tokens (B, T)."""
        check_tokens(tokens, self.vocab_size)
        x = self.embed(tokens)  # (B, T, E)
        x = F.pad(x, (0, 0, self.num_previous - 1, 0))  # zeros stand for what is before the text
        windows = x.unfold(1, self.num_previous, 1).mT.flatten(2)  # (B, T, num_previous * E)
        return self.logits(F.gelu(self.hidden(windows)))


@dataclass(frozen=True)
class GPTConfig:
    """What a checkpoint of a `GPT` must store.

    Attributes:
        vocab_size: V.
        context_length: most tokens that the model can see at once.
        num_layers: transformer blocks.
        num_heads: H.
        width: D, divisible by num_heads.
        causal: False lets every position see all others.
        positions: False leaves out the rotary positions and the look at the token before.
    """

    vocab_size: int
    context_length: int = 128
    num_layers: int = 2
    num_heads: int = 2
    width: int = 176
    causal: bool = True
    positions: bool = True


class GPT(nn.Module):
    """A decoder-only transformer, in the form that trains fastest here.

    It differs from GPT-2 in: rotary positions instead of learned ones, each embedding joined with
    some of the one before it, ReLU, no biases, outputs that start at zero. Few wide layers are
    the default, because a CPU does few large products sooner than many small ones.
    docs/experiments.md says what each of these buys. It is meant for `training.muon`.

    Args:
        config: sizes; see `GPTConfig`.

    Source: Radford et al. 2019 (GPT-2), with changes that the speed-runs of nanoGPT collected
    (Jordan et al. 2024, github.com/KellerJordan/modded-nanogpt).
    """

    edges = ("embed", "logits")  # not hidden: left to AdamW

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocab_size, config.width)
        self.previous = nn.Parameter(torch.zeros(config.width)) if self._looks_back else None
        self.blocks = nn.ModuleList(
            Block(config.width, config.num_heads, causal=config.causal, rotary=config.positions)
            for _ in range(config.num_layers)
        )
        self.norm = nn.LayerNorm(config.width, bias=False)
        self.logits = nn.Linear(config.width, config.vocab_size, bias=False)
        nn.init.zeros_(self.logits.weight)

    @property
    def _looks_back(self) -> bool:
        return self.config.causal and self.config.positions

    @property
    def context_length(self) -> int:
        """Most tokens that the model can see at once."""
        return self.config.context_length

    def make_cache(self) -> list[KeyValues]:
        """An empty cache for one batch of texts, to be passed to `forward` again and again."""
        return [KeyValues(self.context_length) for _ in self.blocks]

    def forward(self, tokens: Tensor, cache: list[KeyValues] | None = None) -> Tensor:
        """Logits (B, T, V) for the token after each position of tokens (B, T).

        With a cache, only the positions that are not in it yet are computed and returned: give the
        whole text so far each time.

        Raises:
            ValueError: T is longer than the context, or a token is outside the vocabulary.
        """
        start = cache[0].size if cache else 0
        check_tokens(tokens[..., start:], self.config.vocab_size)
        check_length(tokens, self.context_length)
        if self.previous is None:
            x = self.embed(tokens[:, start:])  # (B, T - start, D)
        else:
            x = self.embed(tokens[:, max(start - 1, 0) :])
            before = x[:, :-1] if start else F.pad(x, (0, 0, 1, 0))[:, :-1]
            x = torch.addcmul(x[:, start > 0 :], before, self.previous)  # (B, T - start, D)
        for index, block in enumerate(self.blocks):
            x = block(x, cache[index] if cache else None)
        return self.logits(self.norm(x))  # (B, T - start, V)


@torch.no_grad()
def attention_maps(model: nn.Module, tokens: Tensor) -> list[Tensor]:
    """The attention weights of every layer for tokens (B, T).

    Returns:
        One (B, H, T, T) tensor a layer; row i says where position i looks.
    """
    layers = [module for module in model.modules() if isinstance(module, Attention)]
    with recorded_inputs(layers) as inputs:
        model(tokens)
        return [layer.weights(x) for layer, x in zip(layers, inputs, strict=True)]


@contextmanager
def recorded_inputs(modules: list[Attention]) -> Iterator[list[Tensor]]:
    """Collect the input of each module while the model runs inside the block."""
    inputs: list[Tensor] = []
    hooks = [m.register_forward_pre_hook(lambda _, given: inputs.append(given[0])) for m in modules]
    try:
        yield inputs
    finally:
        for hook in hooks:
            hook.remove()


def check_length(tokens: Tensor, context_length: int) -> None:
    """Raise ValueError if tokens (B, T) are more than a model can see at once."""
    if tokens.shape[1] > context_length:
        raise ValueError(
            f"the model sees at most {context_length} tokens; got {tokens.shape[1]}. Keep the last "
            f"ones, tokens[:, -{context_length}:], or build it with a larger context_length."
        )


def check_tokens(tokens: Tensor, vocab_size: int) -> None:
    """Raise ValueError if a model of this vocabulary cannot read tokens (B, T)."""
    if tokens.ndim != 2 or tokens.dtype != torch.long:
        raise ValueError(
            f"tokens must be int64 of shape (B, T); got {tokens.dtype} of shape "
            f"{tuple(tokens.shape)}. Use tokens[None] for a single text."
        )
    # On an accelerator this comparison would stop the queue at every step, so only the CPU looks.
    if tokens.device.type == "cpu" and tokens.numel():
        low, high = (int(x) for x in tokens.aminmax())
        if low < 0 or high >= vocab_size:
            raise ValueError(
                f"tokens must lie in 0 ... {vocab_size - 1}; got {low} ... {high}. Encode the text "
                "with the tokenizer that the model was built for."
            )
