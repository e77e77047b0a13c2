"""A transformer that lets digits move: clips of 8 frames of 16 x 16 pixels.

It is about motion, so there are only 200 digits, twenty of each kind, on 20,000 ways.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.optim import Optimizer

from course_utils.data import Batches, load_digits, moving_digits
from course_utils.diffusion import Clip, Cosine, Denoiser, DiT, denoising_loss
from course_utils.recipes.recipe import Recipe
from course_utils.training import muon


def model() -> Denoiser:
    """The denoiser: it sees clips (B, 8, 1, 16, 16) in [-1, 1], and labels 0 ... 9 or -1."""
    net = DiT(Clip(8, 16, 4, 2), width=64, num_layers=4, num_classes=10)
    return Denoiser(net, Cosine(), predicts="v")


def batches() -> Batches:
    """20,000 ways of 200 digits of the part to learn from, with their labels."""
    images, labels = load_digits(10).train
    some = torch.cat([(labels == k).nonzero()[:20, 0] for k in range(10)])
    images, labels = images[some], labels[some]
    clips = moving_digits(images, labels, 20_000, generator=torch.Generator().manual_seed(0))
    return Batches(clips.frames, clips.labels, batch_size=32)


def optimizer(model: nn.Module) -> Optimizer:
    """Muon, as in lesson 02."""
    return muon(model, 0.02)


RECIPE = Recipe(
    name="clips",
    model=model,
    batches=batches,
    loss=denoising_loss,
    optimizer=optimizer,
    num_steps=10_000,
)
