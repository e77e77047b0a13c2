"""Short tones of known pitch: a set of sounds to learn. Letters: N sounds, T samples."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.data.sound import MIDDLE_C, tone

NOTE_NAMES = ("C", "D", "E", "F", "G", "A", "B", "C'")  # the scale of C major
_SEMITONES = torch.tensor([0, 2, 4, 5, 7, 9, 11, 12])


class Notes(NamedTuple):
    """Sounds (N, T), float32 in [-1, 1] at 8,000 samples a second, and their labels (N,)."""

    waves: Tensor
    labels: Tensor


def note_frequency(label: Tensor | int) -> Tensor:
    """Hertz of the notes 0 ... 7 of `NOTE_NAMES`: middle C times 2^(semitones / 12).

    Raises:
        ValueError: there is no such note.
    """
    label = torch.as_tensor(label)
    if (
        label.is_floating_point()
        or label.dtype == torch.bool
        or bool(((label < 0) | (label >= len(NOTE_NAMES))).any())
    ):
        raise ValueError(f"a note is a whole number in 0 ... {len(NOTE_NAMES) - 1}; got {label}.")
    return MIDDLE_C * 2 ** (_SEMITONES.to(label.device)[label] / 12)


def random_notes(num_notes: int, seconds: float = 0.064, *, generator: torch.Generator) -> Notes:
    """Draw notes of one octave, each as likely as the others, each with a random phase.

    Given its note, a sound has one degree of freedom left, its phase: the sounds of a note lie on a
    circle in a plane, spanned by the tones of phase 0 and pi / 2.

    Args:
        num_notes: N.
        seconds: length of each; 0.064 s are 512 samples.
        generator: on the CPU.

    Returns:
        `Notes`.

    Raises:
        ValueError: there are no notes, or the length is not positive.
    """
    if num_notes < 1:
        raise ValueError(f"num_notes must be at least 1; got {num_notes}.")
    labels = torch.randint(len(NOTE_NAMES), (num_notes,), generator=generator)
    phase = 2 * math.pi * torch.rand(num_notes, generator=generator, dtype=torch.float64)
    return Notes(tone(note_frequency(labels), seconds, phase=phase), labels)
