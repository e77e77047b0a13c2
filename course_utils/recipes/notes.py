"""A transformer that sounds each of eight notes: 0.064 s at 8,000 samples a second.

Lesson 05 trains clouds of points on its page. To keep a phase over a whole sound takes longer.
"""

from __future__ import annotations

import torch

from course_utils.data import NOTE_NAMES, Batches, random_notes
from course_utils.diffusion import Cosine, Denoiser, DiT, Frames, denoising_loss
from course_utils.recipes.recipe import Recipe
from course_utils.training import muon


def model() -> Denoiser:
    """The denoiser: it sees sounds (B, 512) in [-1, 1], and notes 0 ... 7 of `NOTE_NAMES`."""
    net = DiT(Frames(512, 32), width=48, num_layers=3, num_classes=len(NOTE_NAMES))
    return Denoiser(net, Cosine(), predicts="v")


def batches() -> Batches:
    """20,000 notes of random phase, and what they are."""
    notes = random_notes(20_000, generator=torch.Generator().manual_seed(0))
    return Batches(*notes, batch_size=32)


RECIPE = Recipe(
    name="notes",
    model=model,
    batches=batches,
    loss=denoising_loss,
    optimizer=muon,  # at 0.02, as in lesson 02
    num_steps=8000,
)
