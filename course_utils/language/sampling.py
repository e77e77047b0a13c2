"""From a prompt to a text, one model call a token."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from course_utils.language.inputs import check_batch
from course_utils.layers import at_least_float32, check_sizes
from course_utils.records import SampleStep

COLDEST = 1e-6  # below it, logits divided by the temperature may leave the range of a float


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
        prompt: (B, T) tokens, int64, T >= 1.
        max_new_tokens: model calls, at least 1.
        temperature: logits are divided by it. 1 samples what the model believes, below 1 the likely
            becomes likelier, 0 takes the likeliest token (greedy). Otherwise at least 1e-6.
        use_cache: False computes everything anew for each token; the text is the same. A model that
            is not causal has no cache.
        generator: source of the choices; torch's global one if None. One draw serves the whole
            batch, so the same text alone and among others goes on in other words.

    Returns:
        An iterator of `SampleStep`: state holds the tokens (B, T + calls), prediction the
        probabilities (B, V) that the newest token was drawn from, at least float32. Both are the
        caller's own: changing them changes no later step.

    Raises:
        ValueError: an argument is outside its range.
    """
    check_batch(prompt, "prompt")
    check_sizes(max_new_tokens=max_new_tokens)
    check_temperature(temperature)
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
    tokens, read = prompt, reader(model, use_cache)
    for calls in range(1, max_new_tokens + 1):
        probs = next_probs(read(tokens)[:, -1], temperature)  # (B, V)
        new = draw(probs, generator) if temperature else probs.argmax(-1)  # (B,)
        tokens = torch.cat([tokens, new[:, None]], dim=1)
        state = tokens.clone()
        yield SampleStep(calls=calls, t=1 - calls / max_new_tokens, state=state, prediction=probs)


def reader(model: nn.Module, use_cache: bool) -> Callable[[Tensor], Tensor]:
    """How to ask the model about a growing text (B, T): by what is new where it has a cache.

    A text longer than the context loses its first token at each step, which changes what all others
    have seen: from there on every call reads the whole context anew.
    """
    context_length = getattr(model, "context_length", None)
    make_cache = getattr(model, "make_cache", None)
    cache = make_cache() if use_cache and make_cache else None

    @torch.inference_mode()  # a short call is a fifth faster than with no_grad
    def read(tokens: Tensor) -> Tensor:
        if context_length is None:
            return model(tokens)
        if cache is not None and tokens.shape[1] <= context_length:
            return model(tokens[:, cache.size :], cache)
        return model(tokens[:, -context_length:])

    return read


def next_probs(logits: Tensor, temperature: float) -> Tensor:
    """Probabilities softmax(logits / temperature) for logits (..., V); one-hot at temperature 0.

    They are computed in float32, or float64 if the logits are: a shorter type would round them.

    Raises:
        ValueError: the temperature is neither 0 nor at least 1e-6.
    """
    check_temperature(temperature)
    logits = logits.to(at_least_float32(logits.dtype))
    if temperature == 0:
        return torch.zeros_like(logits).scatter(-1, logits.argmax(-1, keepdim=True), 1.0)
    return (logits / temperature).softmax(dim=-1)


def check_temperature(temperature: float) -> None:
    """Raise ValueError unless logits can be divided by it, or it is 0."""
    if temperature != 0 and not COLDEST <= temperature < math.inf:
        raise ValueError(
            f"temperature must be 0, the likeliest token (greedy), or at least {COLDEST:g} and "
            f"finite; got {temperature}."
        )


def draw(probs: Tensor, generator: torch.Generator | None) -> Tensor:
    """(B,) tokens drawn from probs (B, V), with the generator's own device as the source."""
    source = generator.device if generator is not None else probs.device
    return torch.multinomial(probs.to(source), 1, generator=generator)[:, 0].to(probs.device)
