"""A U-Net that draws what a caption says: one thing at its place, or two and how they stand.

The caption is read by the text tower of `captions`, which stays as it is. What is held out there is
held out here: `Scene.held_out`.
"""

from __future__ import annotations

from functools import partial

from course_utils.data import Batches
from course_utils.diffusion import Cosine, Denoiser, UNet, denoising_loss
from course_utils.multimodal import TwoTowers
from course_utils.recipes import captions
from course_utils.recipes.recipe import Recipe, load
from course_utils.training import muon


def model() -> Denoiser:
    """The denoiser: it sees images (B, 3, 16, 16) in [-1, 1], and captions (B, 8)."""
    towers = load("captions")
    assert isinstance(towers, TwoTowers)
    return Denoiser(UNet(3, (24, 32, 48), text=towers.text), Cosine(), predicts="v")


def batches() -> Batches:
    """About 6,000 drawings with their captions."""
    return captions.pairs(32)


RECIPE = Recipe(
    name="shapes",
    model=model,
    batches=batches,
    loss=partial(denoising_loss, drop=0.1),
    optimizer=muon,  # at 0.02
    num_steps=5000,
)
