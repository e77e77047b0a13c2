"""A small GPT that has read plain text: stories, statements of facts, programs, changed lines.

It has never seen a turn, a question or a stop token. Lesson 11 makes an assistant of it, and asks
what it can do then that it could not before, and what it has lost.
"""

from __future__ import annotations

import random
import re

from course_utils.data import Windows, stories
from course_utils.data.tasks import (
    Task,
    edits,
    fact_table,
    programs,
    statements,
    training_questions,
)
from course_utils.language import GPT, GPTConfig, WordTokenizer, next_token_loss
from course_utils.recipes.recipe import Recipe
from course_utils.training import muon

SPECIAL = ("<user>", "<bot>", "<stop>")
SAYINGS = (
    "hello, how can I help? thank you. you are welcome. my name is what? nice to meet you. your "
    "name is not told me. you have not told me. replace by remove put very before # < > stop user "
    "bot but without more than 0 1 2 3 4 5 6 7 8 9 + - * / ="
)
REMARKS = {
    r"replace (\w+) by (\w+)": "not {} but {}",
    r"remove (\w+)": "without {}",
    r"put very before (\w+)": "more than {}",
}


def tokenizer() -> WordTokenizer:
    """All words that base and assistant need, and an unknown one; the same on every call."""
    facts = fact_table()
    texts = [
        *(" ".join(stories().vocabulary), SAYINGS),
        *(f"{said} {fact.value}" for fact in facts for said in fact.statements()),
        *(f"{task.prompt} {task.answer}" for task in training_questions(facts)),
        *(f"{task.prompt} {task.answer}" for task in [*programs(2000), *edits(2000)]),
    ]
    return WordTokenizer.train(" ".join(texts), unknown=True, special=SPECIAL)


def documents(*, seed: int = 0) -> list[str]:
    """The texts of the base, shuffled; each ends in a line break.

    Stories are a third of the words; statements, programs under a comment that says what they do,
    and sentences that are said again with a change share the rest.
    """
    texts = [
        *stories().sample(14_000, seed=seed),
        *(f"{line}\n" for line in statements(fact_table()) * 70),
        *(f"# {task.prompt}\n{task.answer}\n" for task in programs(6_000, seed=seed)),
        *(f"{said_again(task)}\n" for task in edits(16_000, seed=seed)),
    ]
    random.Random(seed).shuffle(texts)
    return texts


def said_again(task: Task) -> str:
    """What an edit does as plain text, in words that no instruction uses."""
    how, text = task.prompt.split(": ")
    for instruction, remark in REMARKS.items():
        if found := re.fullmatch(instruction, how):
            return f"{text} {remark.format(*found.groups())}: {task.answer}"
    raise ValueError(f"there is no remark for {how!r}.")


def model() -> GPT:
    """The network: four layers of 96."""
    vocab_size = tokenizer().vocab_size
    return GPT(GPTConfig(vocab_size, context_length=128, num_layers=4, num_heads=4, width=96))


def batches() -> Windows:
    """Windows of 128 words of the documents, 16 at a time."""
    tokens = tokenizer().encode(" ".join(documents()).replace("\n ", "\n"))
    return Windows(tokens, context_length=128, batch_size=16)


RECIPE = Recipe(
    name="chat",
    model=model,
    batches=batches,
    loss=next_token_loss,
    optimizer=muon,
    num_steps=3200,
)
