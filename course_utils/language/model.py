"""Networks that see tokens and say, at each position, how likely each token is to come next.

Forward always returns logits (B, T, V). Letters: B batch, T tokens, V vocabulary, D width, H heads.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.layers import Attention, Block


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
        positions: False leaves out the position embedding.
    """

    vocab_size: int
    context_length: int = 128
    num_layers: int = 4
    num_heads: int = 4
    width: int = 128
    causal: bool = True
    positions: bool = True


class GPT(nn.Module):
    """A decoder-only transformer with learned positions.

    Args:
        config: sizes; see `GPTConfig`.

    Source: Radford et al. 2019 (GPT-2), with its initialisation; without its dropout, its biases in
    attention, and its tied embeddings.
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocab_size, config.width)
        self.place = nn.Embedding(config.context_length, config.width) if config.positions else None
        self.blocks = nn.ModuleList(
            Block(config.width, config.num_heads, causal=config.causal)
            for _ in range(config.num_layers)
        )
        self.norm = nn.LayerNorm(config.width)
        self.logits = nn.Linear(config.width, config.vocab_size, bias=False)
        self.apply(self._initialise)
        for name, weight in self.named_parameters():
            if name.endswith(("project.weight", "mlp.2.weight")):  # they add to the residual stream
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * config.num_layers))

    @staticmethod
    def _initialise(module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

    @property
    def context_length(self) -> int:
        """Most tokens that the model can see at once."""
        return self.config.context_length

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (B, T, V) for the token after each position of tokens (B, T).

        Raises:
            ValueError: T is longer than the context, or a token is outside the vocabulary.
        """
        check_tokens(tokens, self.config.vocab_size, self.context_length)
        x = self.embed(tokens)  # (B, T, D)
        if self.place is not None:
            x = x + self.place.weight[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.logits(self.norm(x))  # (B, T, V)


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


def check_tokens(tokens: Tensor, vocab_size: int, context_length: int | None = None) -> None:
    """Raise ValueError if a model of this vocabulary and context cannot read tokens (B, T)."""
    if tokens.ndim != 2 or tokens.dtype != torch.long:
        raise ValueError(
            f"tokens must be int64 of shape (B, T); got {tokens.dtype} of shape "
            f"{tuple(tokens.shape)}. Use tokens[None] for a single text."
        )
    if context_length is not None and tokens.shape[1] > context_length:
        raise ValueError(
            f"the model sees at most {context_length} tokens; got {tokens.shape[1]}. Keep the last "
            f"ones, tokens[:, -{context_length}:], or build it with a larger context_length."
        )
    # On an accelerator this comparison would stop the queue at every step, so only the CPU looks.
    if tokens.device.type == "cpu" and tokens.numel():
        low, high = (int(x) for x in tokens.aminmax())
        if low < 0 or high >= vocab_size:
            raise ValueError(
                f"tokens must lie in 0 ... {vocab_size - 1}; got {low} ... {high}. Encode the text "
                "with the tokenizer that the model was built for."
            )
