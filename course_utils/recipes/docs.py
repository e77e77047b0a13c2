"""A GPT that has read Python's documentation six times, by characters.

Lesson 08 asks whether a GPT of this size predicts the held-out tenth better than the best tables
of counts do. Its size, rate and length were chosen without a look at that tenth.
"""

from __future__ import annotations

import string

from course_utils.data import Windows, python_docs, split_text
from course_utils.language import GPT, CharTokenizer, next_token_loss
from course_utils.recipes.recipe import Recipe
from course_utils.recipes.variants import LENGTH, plain
from course_utils.training import muon


def tokenizer() -> CharTokenizer:
    """The characters that Python 3.11 documents itself in; other versions use hardly any others."""
    ascii_ones = string.digits + string.ascii_letters + string.punctuation + " \n"
    return CharTokenizer("".join(sorted(ascii_ones + "°ß–—‘’“”…")))  # noqa: RUF001


def parts() -> tuple[str, str]:
    """The documentation to train on and its held-out tenth, without characters that are not known.

    On another Python than 3.11 the cut lies elsewhere, and what is held out there the shipped
    weights may have read.
    """
    known = set(tokenizer().characters)
    train, held_out = split_text(python_docs())
    return "".join(filter(known.__contains__, train)), "".join(filter(known.__contains__, held_out))


def model() -> GPT:
    """The network of `runs`, 144 wide; it sees up to 128 characters."""
    return plain(tokenizer().vocab_size, width=144)


def batches() -> Windows:
    """340,000 characters, in windows of 128."""
    return Windows(tokenizer().encode(parts()[0]), context_length=LENGTH, batch_size=8)


RECIPE = Recipe(
    name="docs",
    model=model,
    batches=batches,
    loss=next_token_loss,
    optimizer=lambda model: muon(model, 0.04),
    num_steps=2000,
)
