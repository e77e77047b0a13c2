"""What may be done to logits before a token is drawn: pure functions, each logits in, logits out.

A filter sets the logits of the tokens that it removes to -inf. The likeliest token always stays.
Logits are finite, or -inf for what was removed before; a row of NaN, inf or nothing is an error.
Letters: ... any axes, V vocabulary.
"""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor

from course_utils.language.inputs import check_batch, check_mask, check_vocabulary
from course_utils.layers import at_least_float32

COLDEST = 1e-6  # below it, logits divided by the temperature may leave the range of a float


def scale_temperature(logits: Tensor, temperature: float) -> Tensor:
    """Give logits / temperature, at least float32; at 0 the likeliest token alone is left (greedy).

    Args:
        logits: (..., V).
        temperature: 1 changes nothing, below 1 the likely becomes likelier. 0, or at least 1e-6 and
            finite. Of several likeliest tokens 0 keeps the first.

    Raises:
        ValueError: the temperature is outside this range, or too cold for these logits.
    """
    check_temperature(temperature)
    logits = logits.to(at_least_float32(logits.dtype))
    if temperature:
        scaled = logits / temperature
        if temperature < 1:  # a large logit may have left the range of a float
            check_logits(scaled)
        return scaled
    best = logits.argmax(-1, keepdim=True)
    return torch.full_like(logits, -math.inf).scatter(-1, best, logits.gather(-1, best))


def keep_top_k(logits: Tensor, top_k: int) -> Tensor:
    """The top_k largest logits (..., V) as they are, all others -inf; ties with the last stay too.

    Raises:
        ValueError: top_k is no whole number from 1 to V.

    Source: Fan et al. 2018, "Hierarchical neural story generation", section 5.4, arXiv:1805.04833.
    """
    check_top_k(top_k)
    check_logits(logits)
    if top_k > logits.shape[-1]:
        raise ValueError(
            f"top_k must be at most the number of tokens, {logits.shape[-1]}; got {top_k}. "
            "Leave it out to keep them all."
        )
    least = logits.topk(top_k, dim=-1).values[..., -1:]  # (..., 1) the k-th largest
    return logits.masked_fill(logits < least, -math.inf)


def keep_top_p(logits: Tensor, top_p: float) -> Tensor:
    """The fewest of the likeliest tokens that hold top_p of the probability; others are -inf.

    A token stays while those before it, in falling order, hold less than top_p. Of equal tokens at
    the border, those with the smaller number stay.

    Args:
        logits: (..., V).
        top_p: above 0, at most 1; 1 keeps all.

    Raises:
        ValueError: top_p is outside this range.

    Source: Holtzman et al. 2020, section 3.1 ("nucleus"), arXiv:1904.09751.
    """
    check_top_p(top_p)
    check_logits(logits)
    if top_p == 1:  # sums of floats may reach 1 before the last token
        return logits
    ordered, order = logits.sort(dim=-1, descending=True, stable=True)
    probs = ordered.to(at_least_float32(logits.dtype)).softmax(-1)
    enough = probs.cumsum(-1) - probs >= top_p  # (..., V) what comes before already suffices
    enough[..., 0] = False
    return logits.masked_fill(torch.empty_like(enough).scatter(-1, order, enough), -math.inf)


def keep_min_p(logits: Tensor, min_p: float) -> Tensor:
    """The tokens at least min_p times as likely as the likeliest; others are -inf.

    Args:
        logits: (..., V).
        min_p: 0 keeps all, 1 only what is as likely as the likeliest.

    Raises:
        ValueError: min_p is not in [0, 1].

    Source: Nguyen et al. 2024, "Turning up the heat", section 3, arXiv:2407.01082.
    """
    check_min_p(min_p)
    check_logits(logits)
    probs = logits.to(at_least_float32(logits.dtype)).softmax(-1)
    return logits.masked_fill(probs < min_p * probs.amax(-1, keepdim=True), -math.inf)


def penalise_repetition(
    logits: Tensor, tokens: Tensor, penalty: float, mask: Tensor | None = None
) -> Tensor:
    """Make tokens of the text less likely: positive logits / penalty, negative ones * penalty.

    How often a token stands there does not matter.

    Args:
        logits: (B, V).
        tokens: (B, T) the text so far, int64.
        penalty: above 0 and finite; 1 changes nothing, below 1 favours repetition.
        mask: (B, T) True for tokens that count, False for padding, which stands before the text.

    Raises:
        ValueError: the penalty is outside this range, or logits, tokens and mask do not fit.

    Source: Keskar et al. 2019 (CTRL), section 4.1, arXiv:1909.05858; negative logits are
    multiplied, as libraries do since, or they would become likelier.
    """
    check_penalty(penalty)
    check_batch(tokens)
    check_mask(mask, tokens)
    if logits.ndim != 2 or len(logits) != len(tokens):
        raise ValueError(
            "the penalty needs logits (B, V) and tokens (B, T), a text for each row; got "
            f"{tuple(logits.shape)} and {tuple(tokens.shape)}."
        )
    check_vocabulary(tokens, logits.shape[-1])
    seen = torch.zeros_like(logits, dtype=torch.bool)
    if mask is not None:  # padding counts as the last token, which always counts
        tokens = torch.where(mask, tokens, tokens[:, -1:])
    seen.scatter_(-1, tokens, True)
    return torch.where(seen, torch.where(logits > 0, logits / penalty, logits * penalty), logits)


def check_logits(logits: Tensor) -> None:
    """Raise ValueError unless every row has a largest logit that is a number."""
    largest = logits.amax(-1)  # NaN where a row holds one, -inf where all are removed
    if (
        math.isfinite(largest.sum().item()) or torch.isfinite(largest).all()
    ):  # the sum says it at once
        return
    if largest.isnan().any():
        came, remedy = "NaN", "Was the training stopped by a loss that is NaN?"
    elif largest.isposinf().any():
        came, remedy = "inf", "Was the model trained at too high a rate?"
    else:
        came, remedy = "-inf for all tokens", "At least one token must be left."
    raise ValueError(f"the model must say a finite logit for some token; it said {came}. {remedy}")


def check_temperature(temperature: Any) -> None:
    """Raise ValueError unless logits can be divided by it, or it is 0."""
    number = isinstance(temperature, Real) and not isinstance(temperature, bool)
    if not number or (temperature != 0 and not COLDEST <= temperature < math.inf):
        raise ValueError(
            f"temperature must be 0, the likeliest token (greedy), or at least {COLDEST:g} and "
            f"finite; got {temperature!r}."
        )


def check_top_k(top_k: Any) -> None:
    """Raise ValueError unless this is a whole number from 1 up."""
    if type(top_k) is bool or not isinstance(top_k, Integral) or int(top_k) < 1:
        raise ValueError(
            f"top_k must be a whole number, at least 1, the tokens to keep; got {top_k!r}."
        )


def check_top_p(top_p: Any) -> None:
    """Raise ValueError unless this is in (0, 1]."""
    if type(top_p) is bool or not isinstance(top_p, Real) or not 0 < float(top_p) <= 1:
        raise ValueError(
            "top_p is the share of the probability to keep, above 0 and at most 1; "
            f"got {top_p!r}. Use temperature=0 for the likeliest token alone."
        )


def check_min_p(min_p: Any) -> None:
    """Raise ValueError unless this is in [0, 1]."""
    if type(min_p) is bool or not isinstance(min_p, Real) or not 0 <= float(min_p) <= 1:
        raise ValueError(
            "min_p is the least probability to keep, as a share of the largest, from 0 to 1; "
            f"got {min_p!r}."
        )


def check_penalty(penalty: Any) -> None:
    """Raise ValueError unless logits can be divided by it."""
    if not isinstance(penalty, Real) or not 0 < float(penalty) < math.inf:
        raise ValueError(
            "repetition_penalty must be above 0 and finite, 1 for none, above 1 against "
            f"repetition; got {penalty!r}."
        )
