"""A small GPT on the same stories, a twentieth of the other's weights: it guesses ahead for it."""

from __future__ import annotations

from course_utils.language import GPT, GPTConfig, next_token_loss
from course_utils.recipes.recipe import Recipe
from course_utils.recipes.stories import batches, tokenizer
from course_utils.training import muon


def model() -> GPT:
    """The network: one layer, 32 wide."""
    return GPT(GPTConfig(tokenizer().vocab_size, num_layers=1, num_heads=2, width=32))


RECIPE = Recipe(
    name="stories_draft",
    model=model,
    batches=batches,
    loss=next_token_loss,
    optimizer=muon,  # at 0.02
    num_steps=600,
    seed=1,  # another start than the large one's
)
