"""What pairs of source and target need, whatever the layout: loss, score, writing, where it looks.

A model here is asked `model(source, target)`, answers with logits (B, T, V), has a `pad` and can be
`given` a source: `EncoderDecoder` and `DecoderOnly`. Letters: B batch, S tokens of the source, T of
the target, V vocabulary, H heads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.language.inputs import check_batch, check_padding
from course_utils.language.joined import DecoderOnly, join
from course_utils.language.model import attention_maps
from course_utils.language.sampling import sample
from course_utils.language.seq2seq import EncoderDecoder
from course_utils.layers import CrossAttention, at_least_float32
from course_utils.records import SampleStep

Layout = EncoderDecoder | DecoderOnly


def pair_loss(model: Any, batch: Sequence[Tensor] | Tensor) -> Tensor:
    """Mean cross-entropy of the target's tokens, in nats a token; the source is only read.

    Args:
        model: (source, target) -> logits, with a `pad`.
        batch: source (B, S), and target (B, T + 1), which begins with a start token.

    Returns:
        () loss, at least float32. Padding does not count.

    Raises:
        ValueError: the batch is no pair of tensors of tokens, padding stands elsewhere than at the
            end, or there is nothing to predict.
    """
    source, target = checked(batch)
    for name, tokens in (("source", source), ("target", target)):
        check_padding(tokens, model.pad, name)
    source, target = trimmed(source, model.pad), trimmed(target, model.pad)
    logits = model(source, target[:, :-1])
    logits = logits.to(at_least_float32(logits.dtype))
    return F.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten(), ignore_index=model.pad)


@torch.no_grad()
def exact_match(model: Any, source: Tensor, target: Tensor) -> Tensor:
    """Whether greedy writing gives each target exactly, its stop included, in one model call.

    Writing greedily gives the target if and only if each of its tokens is the likeliest after the
    true ones before it: as long as all were right, what was written is the target so far.

    Args:
        model: (source, target) -> logits, with a `pad`.
        source: (B, S).
        target: (B, T + 1) from the start token to the stop, then padding.

    Returns:
        (B,) bool.

    Raises:
        ValueError: the two are no pair, or a target has nothing after its start.
    """
    source, target = checked((source, target))
    empty = (target[:, 1:] == model.pad).all(1)
    if target.device.type == "cpu" and bool(empty.any()):
        raise ValueError(
            f"target {int(empty.nonzero()[0])} has nothing after its start: it needs a stop."
        )
    right = model(source, target[:, :-1]).argmax(-1) == target[:, 1:]
    return (right | (target[:, 1:] == model.pad)).all(dim=1)


def generate(
    model: Layout,
    source: Tensor,
    *,
    start: int,
    stop: int,
    max_new_tokens: int = 100,
    temperature: float = 0.0,
    generator: torch.Generator | None = None,
) -> Iterator[SampleStep[Tensor]]:
    """Write a target for each source, giving all of them after each new token.

    The source is read once by an encoder-decoder, anew with each token by a decoder alone.

    Args:
        model: either layout.
        source: (B, S), padded at the end.
        start: the token that a target begins with.
        stop: the token that ends it. Behind it a row is padding; the loop ends when all have one.
        max_new_tokens: model calls, at least 1. A target without a stop has so many tokens.
        temperature: as in `sample`; 0 takes the likeliest token.
        generator: as in `sample`.

    Returns:
        An iterator of `SampleStep`, as `sample` gives: state holds (B, 1 + calls) tokens.

    Raises:
        ValueError: an argument is outside its range.
    """
    check_batch(source, "source")
    if len({start, stop, model.pad}) < 3:
        raise ValueError(
            f"start, stop and padding must be three tokens; got {start}, {stop} and {model.pad}."
        )
    with torch.no_grad():
        reader = model.given(source)
    first = torch.full((len(source), 1), start, device=source.device)
    how: dict[str, Any] = {"temperature": temperature, "generator": generator}
    steps = sample(reader, first, max_new_tokens=max_new_tokens, stop=stop, **how)
    return padded(steps, stop, model.pad)


def padded(
    steps: Iterator[SampleStep[Tensor]], stop: int, pad: int
) -> Iterator[SampleStep[Tensor]]:
    """The same steps with padding behind the first stop of each row, as targets have it."""
    for step in steps:
        written = step.state[:, 1:] == stop  # the first token is given
        behind = F.pad(written.cumsum(1)[:, :-1] > 0, (2, 0))
        yield replace(step, state=step.state.masked_fill(behind, pad))


@torch.no_grad()
def source_maps(model: Layout, source: Tensor, target: Tensor) -> list[Tensor]:
    """Where each token of the target looks in the source, in every layer.

    Args:
        model: either layout.
        source: (B, S).
        target: (B, T) what is read while writing, from the start token on.

    Returns:
        One (B, H, T, S) tensor a layer; row t belongs to the position that predicts token t + 1.
        Rows of cross-attention sum to 1. Rows of a decoder alone lack what goes to the target.
    """
    if isinstance(model, DecoderOnly):
        return joined_maps(model, source, target)
    maps: list[Tensor] = []

    def look(layer: nn.Module, given: tuple[Any, ...]) -> None:
        assert isinstance(layer, CrossAttention)
        maps.append(layer.weights(*given))

    layers = [module for module in model.modules() if isinstance(module, CrossAttention)]
    hooks = [layer.register_forward_pre_hook(look) for layer in layers]
    try:
        with torch.compiler.set_stance("force_eager"):  # compiled code would pass over the hooks
            model(source, target)
    finally:
        for hook in hooks:
            hook.remove()
    return maps


def joined_maps(model: DecoderOnly, source: Tensor, target: Tensor) -> list[Tensor]:
    """`source_maps` of a decoder alone: the rows of the target, the columns of the source."""
    tokens, places = join(source, target, model.pad)
    length, real = source.shape[1], (source != model.pad)[:, None, None, :]  # (B, 1, 1, S)
    found = []
    for weights in attention_maps(model.gpt, tokens):  # (B, H, S + T, S + T)
        wide = F.pad(weights, (0, max(0, length - weights.shape[-1])))
        rows = places[:, None, :, None].expand(-1, wide.shape[1], -1, wide.shape[-1])
        found.append(wide.gather(2, rows)[..., :length] * real)
    return found


def checked(batch: Sequence[Tensor] | Tensor) -> tuple[Tensor, Tensor]:
    """The source and the target of a batch.

    Raises:
        ValueError: it is no pair of tokens, or a target has fewer than two.
    """
    if isinstance(batch, Tensor) or len(batch) != 2:
        came = "a tensor" if isinstance(batch, Tensor) else f"{len(batch)} entries"
        raise ValueError(f"a batch must be a pair (source, target); got {came}.")
    source, target = batch
    check_batch(source, "source")
    check_batch(target, "target")
    if target.shape[1] < 2 or len(source) != len(target) or not len(source):
        raise ValueError(
            "there must be pairs, and each source needs a target of at least two tokens, a start "
            "and what follows; got "
            f"sources {tuple(source.shape)} and targets {tuple(target.shape)}."
        )
    return source, target


def trimmed(tokens: Tensor, pad: int) -> Tensor:
    """Tokens (B, T) without the columns at the end that hold nothing but padding."""
    used = (tokens != pad).any(0).nonzero()
    return tokens[:, : int(used[-1]) + 1 if len(used) else 1]
