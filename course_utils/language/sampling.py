"""From a prompt to a text, one model call a token."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.records import SampleStep


def sample(
    model: nn.Module,
    prompt: Tensor,
    *,
    max_new_tokens: int = 100,
    temperature: float = 1.0,
    use_cache: bool = True,
    generator: torch.Generator | None = None,
) -> Iterator[SampleStep[Tensor]]:
    """Extend a prompt, giving the text after each new token.

    Args:
        model: tokens (B, T) -> logits (B, T, V). If it has a `context_length`, it is shown that
            many of the last tokens.
        prompt: (B, T) tokens, T >= 1.
        max_new_tokens: model calls.
        temperature: logits are divided by it. 1 samples what the model believes, below 1 the likely
            becomes likelier, 0 takes the likeliest token (greedy).
        use_cache: False computes everything anew for each token; the text is the same.
        generator: source of the choices; torch's global one if None.

    Returns:
        An iterator of `SampleStep`: state holds the tokens (B, T + calls), prediction the
        probabilities (B, V) that the newest token was drawn from.

    Raises:
        ValueError: an argument is outside its range.
    """
    if prompt.ndim != 2 or prompt.shape[1] < 1:
        raise ValueError(
            f"prompt must have shape (B, T) with T >= 1; got {tuple(prompt.shape)}. "
            "Use prompt[None] for a single text."
        )
    if max_new_tokens < 1:
        raise ValueError(f"max_new_tokens must be at least 1; got {max_new_tokens}.")
    if temperature < 0:
        raise ValueError(f"temperature must be >= 0, 0 = greedy; got {temperature}.")
    return token_steps(model, prompt, max_new_tokens, temperature, use_cache, generator)


@torch.no_grad()
def token_steps(
    model: nn.Module,
    prompt: Tensor,
    max_new_tokens: int,
    temperature: float,
    use_cache: bool,
    generator: torch.Generator | None,
) -> Iterator[SampleStep[Tensor]]:
    """The loop of `sample`: one more token for each text of prompt (B, T), again and again."""
    length = prompt.shape[1]
    tokens = F.pad(prompt, (0, max_new_tokens))  # written in place; each state is a view of it
    read = reader(model, use_cache)
    for calls in range(1, max_new_tokens + 1):
        probs = next_probs(read(tokens[:, :length])[:, -1], temperature)  # (B, V)
        tokens[:, length] = draw(probs, generator) if temperature else probs.argmax(-1)
        length += 1
        state = tokens[:, :length]
        yield SampleStep(calls=calls, t=1 - calls / max_new_tokens, state=state, prediction=probs)


def reader(model: nn.Module, use_cache: bool) -> Callable[[Tensor], Tensor]:
    """How to ask the model about a growing text (B, T): by what is new where it has a cache.

    A text longer than the context loses its first token at each step, which changes what all others
    have seen: from there on every call reads the whole context anew.
    """
    context_length = getattr(model, "context_length", None)
    make_cache: Callable[[], Any] | None = getattr(model, "make_cache", None)
    cache = make_cache() if use_cache and make_cache else None

    @torch.inference_mode()  # a short call is a fifth faster than with no_grad
    def read(tokens: Tensor) -> Tensor:
        if context_length is None:
            return model(tokens)
        if cache is not None and tokens.shape[1] <= context_length:
            return model(tokens, cache)
        return model(tokens[:, -context_length:])

    return read


def next_probs(logits: Tensor, temperature: float) -> Tensor:
    """Probabilities softmax(logits / temperature) for logits (..., V); one-hot at temperature 0."""
    if temperature == 0:
        return torch.zeros_like(logits).scatter(-1, logits.argmax(-1, keepdim=True), 1.0)
    return (logits / temperature).softmax(dim=-1)


def draw(probs: Tensor, generator: torch.Generator | None) -> Tensor:
    """(B,) tokens drawn from probs (B, V), with the generator's own device as the source."""
    source = generator.device if generator is not None else probs.device
    return torch.multinomial(probs.to(source), 1, generator=generator)[:, 0].to(probs.device)
