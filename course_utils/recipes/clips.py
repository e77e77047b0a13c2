"""A transformer that lets digits move: clips of 8 frames of 16 x 16 pixels.

It is about motion, so there are only ten shapes, one of each digit, on 20,000 ways: given its
label, a clip has the freedom of where it begins and where it ends.
"""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils.data import Batches, load_digits, moving_digits
from course_utils.diffusion import Clip, Cosine, Denoiser, DiT, denoising_loss
from course_utils.recipes.recipe import Recipe
from course_utils.training import muon


def model() -> Denoiser:
    """The denoiser: it sees clips (B, 8, 1, 16, 16) in [-1, 1], and labels 0 ... 9 or -1."""
    net = DiT(Clip(8, 16, 4, 2), width=64, num_layers=4, num_classes=10)
    return Denoiser(net, Cosine(), predicts="v")


def ten_digits() -> tuple[Tensor, Tensor]:
    """One digit (10, 1, 10, 10) of each kind, the one nearest to the mean of its kind, and labels.

    From those to learn from, at 10 x 10 pixels.
    """
    images, labels = load_digits(10).train
    kinds = [images[labels == k] for k in range(10)]
    nearest = [kind[(kind - kind.mean(0)).square().sum((1, 2, 3)).argmin()] for kind in kinds]
    return torch.stack(nearest), torch.arange(10)


def batches() -> Batches:
    """20,000 ways of the ten digits, with their labels."""
    clips = moving_digits(*ten_digits(), 20_000, generator=torch.Generator().manual_seed(0))
    return Batches(clips.frames, clips.labels, batch_size=32)


RECIPE = Recipe(
    name="clips",
    model=model,
    batches=batches,
    loss=denoising_loss,
    optimizer=muon,  # at 0.02, as in lesson 02
    num_steps=3000,
)
