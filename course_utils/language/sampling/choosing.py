"""How the next token is chosen from logits: all settings in one place.

Letters: B batch, T tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import torch
from torch import Tensor

from course_utils.language.sampling import filters


@dataclass(frozen=True)
class Choice:
    """The settings of a sampler, applied in this order, each only if it is given.

    Attributes:
        repetition_penalty: see `penalise_repetition`; 1 is none.
        temperature: see `scale_temperature`; 1 samples what the model believes, 0 is greedy.
        top_k: see `keep_top_k`.
        top_p: see `keep_top_p`; it is of what top_k has left.
        min_p: see `keep_min_p`.

    Raises:
        ValueError: a setting is outside its range.
    """

    repetition_penalty: float = 1.0
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None

    def __post_init__(self) -> None:
        filters.check_penalty(self.repetition_penalty)
        filters.check_temperature(self.temperature)
        if self.top_k is not None:
            filters.check_top_k(self.top_k)
        if self.top_p is not None:
            filters.check_top_p(self.top_p)
        if self.min_p is not None:
            filters.check_min_p(self.min_p)

    def logits(
        self, logits: Tensor, tokens: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """Logits (..., V) as the settings leave them, at least float32; what is removed is -inf.

        Args:
            logits: (..., V) as the model says; (B, V) where repetition is penalised.
            tokens: (B, T) the text so far, for the repetition penalty.
            mask: (B, T) False for padding in tokens.

        Raises:
            ValueError: the model said NaN or inf, or left no token; or the penalty lacks a text.
        """
        filters.check_logits(logits)
        if self.repetition_penalty != 1:
            if tokens is None:
                raise ValueError(
                    "repetition_penalty needs the text so far: give tokens (B, T), or leave it 1."
                )
            logits = filters.penalise_repetition(logits, tokens, self.repetition_penalty, mask)
        logits = filters.scale_temperature(logits, self.temperature)
        if self.top_k is not None:
            logits = filters.keep_top_k(logits, self.top_k)
        if self.top_p is not None:
            logits = filters.keep_top_p(logits, self.top_p)
        if self.min_p is not None:
            logits = filters.keep_min_p(logits, self.min_p)
        return logits

    def probs(
        self, logits: Tensor, tokens: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """Probabilities (..., V) of the next token; arguments and errors as those of `logits`."""
        return self.logits(logits, tokens, mask).softmax(-1)

    def draw(self, probs: Tensor, generator: torch.Generator | None) -> Tensor:
        """(B,) tokens drawn from probs (B, V), the likeliest where the temperature is 0."""
        return draw(probs, generator) if self.temperature else probs.argmax(-1)


def next_probs(logits: Tensor, temperature: float = 1.0, **filters: Any) -> Tensor:
    """Probabilities of the next token, softmax(logits / temperature) without filters.

    They are computed in float32, or float64 if the logits are: a shorter type would round them.

    Args:
        logits: (..., V).
        temperature: at 0 the probabilities are one-hot.
        filters: top_k, top_p and min_p, as in `Choice`.

    Raises:
        ValueError: a setting is outside its range, or the logits hold NaN or inf.
    """
    return Choice(temperature=temperature, **filters).probs(logits)


def check_generator(generator: Any) -> None:
    """Raise ValueError unless this is a generator or None."""
    if generator is not None and not isinstance(generator, torch.Generator):
        raise ValueError(
            f"generator must be a torch.Generator or None; got {generator!r}. "
            "Use torch.Generator().manual_seed(0)."
        )


def draw(probs: Tensor, generator: torch.Generator | None) -> Tensor:
    """(B,) tokens drawn from probs (B, V), with the generator's own device as the source."""
    source = generator.device if generator is not None else probs.device
    return torch.multinomial(probs.to(source), 1, generator=generator)[:, 0].to(probs.device)


def stop_tokens(stop: int | Sequence[int] | Tensor | None) -> list[int]:
    """The tokens that end a text, as a list.

    Raises:
        ValueError: one is no whole number from 0 up.
    """
    if stop is None:
        return []
    stop = stop.flatten().tolist() if isinstance(stop, Tensor) else stop
    several: list[Any] = list(stop) if isinstance(stop, Iterable) else [stop]
    whole = (isinstance(t, Integral) and not isinstance(t, bool) for t in several)
    if not all(whole) or min(several, default=0) < 0:
        raise ValueError(
            f"stop must be a token or several, whole numbers from 0 up; got {stop!r}. "
            "Encode a text with the tokenizer first."
        )
    return [int(token) for token in several]
