"""A diffusion transformer for digits, as large as the GPT of `pixels` and trained as long.

As long means: the same number of operations. A step of `pixels` reads 16 images of 256 tokens, a
step here 32 images of 64 patches; 4.4 of these steps cost as much as one of those.
"""

from __future__ import annotations

from functools import partial

from course_utils.data import Batches, load_digits
from course_utils.diffusion import Cosine, Denoiser, DiT, denoising_loss
from course_utils.recipes.recipe import Recipe
from course_utils.training import muon


def model() -> Denoiser:
    """The untrained denoiser: 214,000 weights; it sees images (B, 1, 16, 16), labels or -1."""
    return Denoiser(
        DiT(width=72, num_layers=2, num_heads=4, num_classes=10), Cosine(), predicts="v"
    )


def batches(seed: int = 0) -> Batches:
    """The 4,500 digits that are to learn from, 32 at a time, with their labels."""
    return Batches(*load_digits(16).train, batch_size=32, seed=seed)


RECIPE = Recipe(
    name="patches",
    model=model,
    batches=batches,
    loss=partial(denoising_loss, drop=0.1),
    optimizer=muon,  # at 0.02
    num_steps=10_600,
)
