"""A U-Net that paints each of the ten digits, or any of them, at 16 x 16 pixels.

Lesson 02 trains a smaller one for half a minute. This one is to be a pleasure to look at, and
knows what a digit looks like when no label is given: a tenth of the labels is hidden from it.
"""

from __future__ import annotations

from functools import partial

from course_utils.data import Batches, load_digits
from course_utils.diffusion import Cosine, Denoiser, UNet, denoising_loss
from course_utils.recipes.recipe import Recipe
from course_utils.training import muon


def model() -> Denoiser:
    """The denoiser: it sees images (B, 1, 16, 16) in [-1, 1], and labels 0 ... 9 or -1."""
    return Denoiser(UNet(widths=(32, 48, 64), num_classes=10), Cosine(), predicts="v")


def batches() -> Batches:
    """The 4,500 digits that are to learn from, with their labels."""
    return Batches(*load_digits(16).train, batch_size=32)


RECIPE = Recipe(
    name="digits",
    model=model,
    batches=batches,
    loss=partial(denoising_loss, drop=0.1),
    optimizer=muon,  # at 0.02, as in lesson 02
    num_steps=14_000,
)
