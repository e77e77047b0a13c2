"""The other layout: one decoder reads source and target as a single text.

Letters: B batch, S tokens of the source, T of the target, V vocabulary.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from course_utils.language.inputs import check_batch, check_pad, check_padding
from course_utils.language.model import GPT


def join(source: Tensor, target: Tensor, pad: int = 0) -> tuple[Tensor, Tensor]:
    """Each source with its target right behind it, and the padding of both at the end.

    Args:
        source: (B, S) tokens, then padding.
        target: (B, T) tokens; the first one separates it from the source.
        pad: the token of padding.

    Returns:
        (B, S' + T) tokens, S' being the longest source without its padding, and (B, T): where each
        token of the target stands in them.

    Raises:
        ValueError: the two are not tokens of one batch, or padding stands elsewhere.
    """
    check_batch(source, "source")
    check_batch(target, "target")
    check_padding(source, pad)
    if len(source) != len(target):
        raise ValueError(
            f"each target needs a source; got {len(source)} sources and {len(target)} targets."
        )
    lengths = (source != pad).sum(1, keepdim=True)  # (B, 1)
    places = lengths + torch.arange(target.shape[1], device=target.device)  # (B, T)
    room = torch.full_like(target, pad)
    tokens = torch.cat([source, room], dim=1).scatter(1, places, target)
    return tokens[:, : int(places.max()) + 1], places


class DecoderOnly(nn.Module):
    """A `GPT` that reads a source, a separator, and goes on with the target.

    It is asked as an `EncoderDecoder` is. The first token of the target is the separator.

    Args:
        gpt: its context holds source and target.
        pad: the token that fills up short sources.

    Raises:
        ValueError: pad is no token of the model.
    """

    def __init__(self, gpt: GPT, pad: int = 0) -> None:
        super().__init__()
        check_pad(pad, gpt.config.vocab_size)
        self.gpt, self.pad = gpt, pad

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Logits (B, T, V) for what follows each token of target (B, T), given source (B, S).

        Raises:
            ValueError: as `join` and `GPT` do.
        """
        tokens, places = join(source, target, self.pad)
        logits = self.gpt(tokens)  # (B, S + T, V)
        return logits.gather(1, places[..., None].expand(-1, -1, logits.shape[-1]))

    def given(self, source: Tensor) -> Following:
        """The model with a source in front: a language model of the target."""
        return Following(self, source)


class Following(nn.Module):
    """A `DecoderOnly` with its sources: tokens (B, T) -> logits (B, T, V), as `sample` asks for.

    Args:
        model: what is asked.
        source: (B, S). It is read again with every token: sources of unequal length end in
            different places.
    """

    def __init__(self, model: DecoderOnly, source: Tensor) -> None:
        super().__init__()
        self.model, self.source = model, source

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (B, T, V) for what follows each token of the target so far."""
        return self.model(self.source, tokens)
