"""Sounds that can be played in a notebook and whose pitch can be measured.

A wave is a float32 tensor in [-1, 1] with 8,000 samples a second. Letters: T samples.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

SAMPLE_RATE = 8000  # hertz

# The opening of Beethoven's "Ode to Joy", as semitones above middle C, and the chord to end on.
_TUNE = (4, 4, 5, 7, 7, 5, 4, 2)
_CHORD = (0, 4, 7, 12)
MIDDLE_C = 440 * 2 ** (-9 / 12)  # hertz, in equal temperament on A = 440


def tone(frequency: float | Tensor, seconds: float = 1.0, *, phase: float | Tensor = 0.0) -> Tensor:
    """A pure tone, `sin(2 pi f t + phase)`, faded in and out over 10 ms so that it does not click.

    Args:
        frequency: f in hertz, a number or a tensor of any shape; above 0 and below 4,000.
        seconds: The length.
        phase: Where in its cycle it begins, in radians; a number or a tensor like `frequency`.

    Returns:
        (..., T) one wave for every frequency.

    Raises:
        ValueError: If a frequency cannot be represented at 8 kHz, or the length is not positive.
    """
    return chirp(frequency, frequency, seconds, phase=phase)


def chirp(
    start: float | Tensor,
    stop: float | Tensor,
    seconds: float = 1.0,
    *,
    phase: float | Tensor = 0.0,
) -> Tensor:
    """A tone that glides: its frequency goes from `start` to `stop` linearly in time.

    The angle is the integral of the frequency, `2 pi (start t + (stop - start) t^2 / (2 seconds))`,
    plus the phase that it begins at.

    Args:
        start: Hertz, a number or a tensor of any shape; above 0 and below 4,000.
        stop: Hertz, a number or a tensor that broadcasts with `start`.
        seconds: The length.
        phase: Radians at the start, a number or a tensor that broadcasts with `start`.

    Returns:
        (..., T) waves.

    Raises:
        ValueError: As for `tone`.
    """
    t = _times(seconds)
    start, stop = (_frequency(f).unsqueeze(-1) for f in (start, stop))  # (..., 1)
    cycles = start * t + (stop - start) * t**2 / (2 * seconds)  # (..., T), float64
    ramp = (torch.minimum(t, t.flip(-1)) / 0.01).clamp(max=1)
    begin = torch.as_tensor(phase, dtype=torch.float64).unsqueeze(-1)  # (..., 1)
    return (torch.sin(2 * math.pi * cycles + begin) * ramp).float()


def pluck(frequency: float | Tensor, seconds: float = 1.0) -> Tensor:
    """A plucked string: eight partials of strength 1/k, of which the higher ones die away sooner.

    Args:
        frequency: Of the first partial in hertz, a number or a tensor; above 0 and below 4,000.
        seconds: The length.

    Returns:
        (..., T) waves with a peak of 1.

    Raises:
        ValueError: As for `tone`.
    """
    t = _times(seconds)
    k = torch.arange(1, 9, dtype=torch.float64).unsqueeze(-1)  # (8, 1) partials
    partial = _frequency(frequency)[..., None, None] * k  # (..., 8, 1)
    audible = partial < SAMPLE_RATE / 2  # a partial above it would come back as a wrong pitch
    decay = torch.exp(-3 * k.sqrt() * t)  # (8, T)
    wave = (audible * decay / k * torch.sin(2 * math.pi * partial * t)).sum(dim=-2)  # (..., T)
    return (wave / wave.abs().amax(dim=-1, keepdim=True)).float()


def melody() -> Tensor:
    """Eight plucked notes of the "Ode to Joy" and a chord: (16000,) samples, two seconds."""
    notes = pluck(MIDDLE_C * 2 ** (torch.tensor(_TUNE) / 12), 0.19)  # (8, T)
    chord = pluck(MIDDLE_C * 2 ** (torch.tensor(_CHORD) / 12), 0.48).sum(dim=0)
    release = (torch.arange(chord.shape[-1]).flip(-1) / 800).clamp(max=1)  # the last 0.1 s
    return torch.cat([notes.flatten(), chord / chord.abs().max() * release])


def pitch(wave: Tensor) -> Tensor:
    """The frequency of the strongest partial, to a small fraction of a bin of the spectrum.

    The peak of the windowed spectrum is refined by a parabola through the logarithms of the three
    values around it.

    Args:
        wave: (..., T) waves, T >= 16.

    Returns:
        (...,) hertz; NaN where the wave is silent.

    Raises:
        ValueError: If the wave is too short.

    Source: Smith, "Spectral Audio Signal Processing" (2011), quadratic interpolation of peaks.
    """
    num_samples = wave.shape[-1] if wave.ndim else 0
    if num_samples < 16:
        raise ValueError(f"wave must have shape (..., T) with T >= 16; got {tuple(wave.shape)}.")
    window = torch.hann_window(num_samples, dtype=torch.float64, device=wave.device)
    centred = wave.double() - wave.double().mean(dim=-1, keepdim=True)
    spectrum = torch.fft.rfft(centred * window).abs()  # (..., T // 2 + 1)
    peak = spectrum[..., 1:-1].argmax(dim=-1, keepdim=True) + 1  # both neighbours exist
    left, middle, right = (
        spectrum.gather(-1, peak + shift).clamp(min=1e-12).log() for shift in (-1, 0, 1)
    )
    offset = 0.5 * (left - right) / (left - 2 * middle + right)  # 0 / 0 = NaN in silence
    return ((peak + offset) * SAMPLE_RATE / num_samples).squeeze(-1).float()


def _times(seconds: float) -> Tensor:
    """(T,) float64 times in seconds."""
    num_samples = round(seconds * SAMPLE_RATE)
    if num_samples < 1:
        raise ValueError(f"seconds must give at least one sample of 1/8000 s; got {seconds}.")
    return torch.arange(num_samples, dtype=torch.float64) / SAMPLE_RATE


def _frequency(value: float | Tensor) -> Tensor:
    """A frequency as a float64 tensor; float32 would drift out of phase within a second."""
    frequency = torch.as_tensor(value, dtype=torch.float64)
    if not bool(((frequency > 0) & (frequency < SAMPLE_RATE / 2)).all()):
        raise ValueError(
            f"Frequencies must lie above 0 and below {SAMPLE_RATE / 2:.0f} Hz, half the sample "
            f"rate; got {value}."
        )
    return frequency
