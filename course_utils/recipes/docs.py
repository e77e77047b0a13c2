"""A GPT that has read Python's documentation six times, by characters.

Lesson 08 asks whether a GPT of this size predicts the held-out tenth better than the best tables
of counts do. Its length was named before it was trained, and no other was tried.
"""

from __future__ import annotations

from course_utils.data import Windows
from course_utils.language import GPT, next_token_loss
from course_utils.recipes.recipe import Recipe
from course_utils.recipes.runs import BATCH, characters
from course_utils.recipes.variants import LENGTH, plain
from course_utils.training import muon


def model() -> GPT:
    """The network of the small runs, wider; it sees up to 128 characters."""
    return plain(characters()[2], width=144)


def batches() -> Windows:
    """All but the held-out tenth, 340,000 characters, in windows of 128."""
    return Windows(characters()[0], context_length=LENGTH, batch_size=BATCH)


RECIPE = Recipe(
    name="docs",
    model=model,
    batches=batches,
    loss=next_token_loss,
    optimizer=lambda model: muon(model, 0.04),
    num_steps=2000,
)
