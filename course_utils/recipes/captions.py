"""Two towers that put captions and drawings into one space, as CLIP does.

What the text tower learns here is what `shapes` is told: it reads captions, and is not trained
further.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from course_utils.data import Batches, Scene, draw_scenes, placed_scenes, related_scenes
from course_utils.language import WordTokenizer
from course_utils.multimodal import (
    ImageEncoder,
    TextEncoder,
    TwoTowers,
    encode_captions,
    softmax_loss,
)
from course_utils.recipes.recipe import Recipe
from course_utils.training import muon

LENGTH = 8  # words of the longest caption


@cache
def tokenizer() -> WordTokenizer:
    """The words of all captions, sorted."""
    scenes: list[Scene] = [*placed_scenes(), *related_scenes()]
    return WordTokenizer(tuple(sorted({word for s in scenes for word in s.caption.split()})))


def encode(scenes: Sequence[Scene]) -> Tensor:
    """The captions of scenes as tokens (N, 8)."""
    return encode_captions(tokenizer(), [scene.caption for scene in scenes], LENGTH)


def scenes_to_learn() -> list[Scene]:
    """What may be seen in training: each placed scene 40 times, each related one 8 times."""
    placed: list[Scene] = [scene for scene in placed_scenes() if not scene.held_out]
    related: list[Scene] = [scene for scene in related_scenes() if not scene.held_out]
    return placed * 40 + related * 8


def pairs(batch_size: int, seed: int = 0) -> Batches:
    """Drawings of `scenes_to_learn` with their captions; the seed is that of their order."""
    return Batches(*drawings(), batch_size=batch_size, seed=seed)


@cache
def drawings() -> tuple[Tensor, Tensor]:
    """One drawing (N, 3, 16, 16) of each of `scenes_to_learn`, and its caption (N, 8)."""
    scenes = scenes_to_learn()
    return draw_scenes(scenes, generator=torch.Generator().manual_seed(0)), encode(scenes)


def model() -> TwoTowers:
    """The towers: captions (B, 8), and images (B, 3, 16, 16) in [-1, 1]."""
    return TwoTowers(TextEncoder(tokenizer().vocab_size, width=32), ImageEncoder())


RECIPE = Recipe(
    name="captions",
    model=model,
    batches=lambda: pairs(64),
    loss=softmax_loss,
    optimizer=muon,  # at 0.02
    num_steps=600,
)
