"""A GPT that writes digits, one grey pixel after the other.

An image is a text: its label, then 16 x 16 pixels in rows, each one of four greys. The network is
that of `ways`, with a longer context. Letters: B images.
"""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils.data import Batches, load_digits
from course_utils.language import GPT, GPTConfig, next_token_loss
from course_utils.recipes.recipe import Recipe
from course_utils.training import muon

SIDE, LEVELS, NUM_CLASSES = 16, 4, 10


def to_tokens(images: Tensor, labels: Tensor) -> Tensor:
    """Texts (B, 257) of images (B, 1, 16, 16) in [-1, 1] and labels (B,).

    Pixels become greys 0 ... 3, the nearest of -1, -1/3, 1/3, 1; a label is a token from 4 to 13.

    Raises:
        ValueError: images have another shape or hold NaN, or labels are no 0 ... 9.
    """
    if images.ndim != 4 or images.shape[1:] != (1, SIDE, SIDE):
        raise ValueError(
            f"images must have shape (B, 1, {SIDE}, {SIDE}); got {tuple(images.shape)}. "
            f"Use load_digits({SIDE})."
        )
    if labels.is_floating_point() or not bool(((labels >= 0) & (labels < NUM_CLASSES)).all()):
        raise ValueError(f"labels must be whole numbers 0 ... {NUM_CLASSES - 1}; got {labels}.")
    if bool(images.isnan().any()):
        raise ValueError("images hold NaN. Look at what drew them first.")
    greys = ((images.flatten(1).clamp(-1, 1) + 1) / 2 * (LEVELS - 1)).round().long()
    return torch.cat([LEVELS + labels[:, None], greys], dim=1)


def to_images(tokens: Tensor) -> Tensor:
    """Images (B, 1, 16, 16) in [-1, 1] of texts (B, 257); what is no grey is white."""
    greys = tokens[:, 1:].clamp(max=LEVELS - 1).float() / (LEVELS - 1)
    return (2 * greys - 1).view(-1, 1, SIDE, SIDE)


def model() -> GPT:
    """The untrained network."""
    return GPT(GPTConfig(LEVELS + NUM_CLASSES, SIDE**2 + 1, num_heads=4, width=96))


def batches() -> Batches:
    """The 4,500 digits that are to learn from, 16 at a time."""
    return Batches(to_tokens(*load_digits(SIDE).train), batch_size=16)


RECIPE = Recipe(
    name="pixels",
    model=model,
    batches=batches,
    loss=next_token_loss,
    optimizer=muon,  # at 0.02
    num_steps=2400,
)
