"""How near a sound is to a tone of a known pitch. Letters: B sounds, T samples."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


def cents(hertz: Tensor, reference: Tensor) -> Tensor:
    """How far apart two pitches are, 1200 log2(hertz / reference): 100 cents are a semitone.

    Args:
        hertz: (...) measured; nan, as of silence, stays nan: count it as a miss.
        reference: (...) what was asked, of the same shape; above 0.

    Raises:
        ValueError: the shapes differ, or a reference is not above 0.
    """
    if hertz.shape != reference.shape:
        raise ValueError(
            f"both must have one shape; got {tuple(hertz.shape)} and {tuple(reference.shape)}."
        )
    if not bool((reference > 0).all()):
        raise ValueError(f"each reference must be above 0 hertz; got {reference}.")
    return 1200 * (hertz / reference).log2()


@dataclass(frozen=True)
class Tones:
    """What of each sound is a tone of the frequency asked for; made by `fit_tones`.

    Attributes:
        purity: (B,) share of the energy that the best fitting tone explains, from 0 to 1; 0 for
            silence.
        loudness: (B,) amplitude of that tone, whatever else sounds beside it.
        phase: (B,) where in its cycle it begins, in radians in (-pi, pi]; nan for silence.
    """

    purity: Tensor
    loudness: Tensor
    phase: Tensor


def gathered(phase: Tensor, turns: int = 1) -> Tensor:
    """|mean of exp(i turns phase)|: 1 if all phases are equal, about 0.9 / sqrt(N) if random.

    A pure tone again and again is pure. So this stands beside the purity. Two phases that are
    opposite cancel with `turns` of 1, and are found with 2; evenly spaced ones, k of them, with k.

    Args:
        phase: (N, ...) radians, N >= 1.
        turns: how often each phase counts, a whole number from 1 up.

    Returns:
        (...) over the first axis, from 0 to 1.

    Raises:
        ValueError: there are no phases, or `turns` is no whole number from 1 up.

    Source: the moments of directional statistics; Mardia & Jupp 2000, "Directional Statistics".
    """
    if not phase.ndim or not len(phase) or turns < 1 or turns != int(turns):
        raise ValueError(
            "phase must have shape (N, ...) with N >= 1, and turns be a whole number from 1 up; "
            f"got {tuple(phase.shape)} and {turns}."
        )
    return torch.polar(torch.ones_like(phase), turns * phase).mean(0).abs()


def fit_tones(
    waves: Tensor, hertz: Tensor, *, sample_rate: float, envelope: Tensor | None = None
) -> Tones:
    """Fit a tone of known frequency to each sound, by least squares over loudness and phase.

    Args:
        waves: (B, T) sounds.
        hertz: (B,) the frequency of each, above 0 and below half the sample rate.
        sample_rate: samples a second.
        envelope: (T,) how loud the tone is over time, such as its fading; None for a constant.

    Raises:
        ValueError: a shape is wrong, a frequency is outside its range, or a sample is not finite.

    Source: least squares in the span of a sine and a cosine; linear regression.
    """
    if waves.ndim != 2 or hertz.shape != waves.shape[:1]:
        raise ValueError(
            "waves must have shape (B, T) and hertz (B,); got "
            f"{tuple(waves.shape)} and {tuple(hertz.shape)}."
        )
    if envelope is not None and envelope.shape != waves.shape[1:]:
        raise ValueError(
            f"the envelope must have shape ({waves.shape[1]},); got {tuple(envelope.shape)}."
        )
    if not bool(((hertz > 0) & (hertz < sample_rate / 2)).all()):
        raise ValueError(f"hertz must lie above 0 and below {sample_rate / 2:g}; got {hertz}.")
    x = waves.double().cpu()
    if not bool(x.isfinite().all()):
        raise ValueError("waves must be finite; some samples are nan or infinite.")
    time = torch.arange(x.shape[1], dtype=torch.float64) / sample_rate
    angle = 2 * math.pi * hertz.double().cpu()[:, None] * time
    basis = torch.stack([angle.sin(), angle.cos()], dim=-1)  # (B, T, 2)
    if envelope is not None:
        basis = basis * envelope.double().cpu()[:, None]
    found = torch.linalg.lstsq(basis, x[..., None]).solution  # (B, 2, 1)
    explained = (basis @ found).square().sum((1, 2))
    energy = x.square().sum(1)
    purity = torch.where(energy > 0, explained / energy.clamp(min=1e-30), 0.0)
    sine, cosine = found[:, :, 0].unbind(1)
    phase = torch.where(energy > 0, torch.atan2(cosine, sine), math.nan)
    return Tones(purity, torch.hypot(sine, cosine), phase)
