"""A small transformer that says what is in a drawing.

It learns from drawings of all captions, those that painter and parser never see included: it is a
reader, and its drawings are new each time.
"""

from __future__ import annotations

from functools import partial

import torch

from course_utils.data import Batches, Scene, draw_scenes, placed_scenes, related_scenes
from course_utils.diffusion import Cosine, Denoiser
from course_utils.multimodal import JointTransformer, caption_loss
from course_utils.recipes import captions
from course_utils.recipes.recipe import Recipe
from course_utils.training import muon


def model() -> Denoiser:
    """The network of which here only the side that writes is trained."""
    return Denoiser(JointTransformer(captions.tokenizer().vocab_size), Cosine(), predicts="v")


def batches() -> Batches:
    """Each scene of one thing 40 times, each of two 10 times, with its caption."""
    scenes: list[Scene] = [*placed_scenes() * 40, *related_scenes() * 10]
    images = draw_scenes(scenes, generator=torch.Generator().manual_seed(2))
    return Batches(images, captions.encode(scenes), batch_size=32)


RECIPE = Recipe(
    name="captioner",
    model=model,
    batches=batches,
    loss=partial(caption_loss, hide=0.3),
    optimizer=muon,  # at 0.02
    num_steps=3500,
)
