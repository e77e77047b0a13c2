"""A GPT that writes the three-sentence stories of the grammar, word by word.

Lesson 09 is about how a text is drawn from a model, so its model is trained beforehand.
"""

from __future__ import annotations

from course_utils.data import Windows
from course_utils.data import stories as grammar
from course_utils.language import GPT, GPTConfig, WordTokenizer, next_token_loss
from course_utils.recipes.recipe import Recipe
from course_utils.training import muon


def tokenizer() -> WordTokenizer:
    """The words of the grammar, sorted; a line break, the first of them, ends a story."""
    return WordTokenizer(grammar().vocabulary)


def model() -> GPT:
    """The network: it sees up to 128 tokens, about three stories."""
    return GPT(GPTConfig(tokenizer().vocab_size, num_heads=4, width=128))


def batches() -> Windows:
    """20,000 stories, 826,000 tokens, in windows of 128."""
    text = "".join(grammar().sample(20_000, seed=0))
    return Windows(tokenizer().encode(text), context_length=128, batch_size=16)


RECIPE = Recipe(
    name="stories",
    model=model,
    batches=batches,
    loss=next_token_loss,
    optimizer=muon,  # at 0.02
    num_steps=900,
)
