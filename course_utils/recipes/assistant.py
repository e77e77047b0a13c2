"""The base of `chat`, tuned on conversations, with windows of its old text beside each batch.

The loss counts the answers alone, and the next word of the old text: tuned without it, the model
loses much of what it had read. Lesson 11 asks what this assistant can do.
"""

from __future__ import annotations

from torch import Tensor, nn

from course_utils.data import Batches, Windows
from course_utils.data.batches import Stream
from course_utils.data.tasks import dialogues, edits, fact_table, programs, training_questions
from course_utils.language import answer_loss, encode_turns, next_token_loss, pad
from course_utils.recipes.chat import documents, tokenizer
from course_utils.recipes.recipe import Recipe, load
from course_utils.training import adamw

SHORTEST, LONGEST = 40, 64  # tokens of a conversation: nearly full rows waste no time


def conversations() -> tuple[Tensor, Tensor]:
    """Questions, programs, edits and small talk in turns: tokens and what the bot says, (N, T)."""
    pool = [*training_questions(fact_table()) * 5, *programs(700), *edits(2500)]
    talks = dialogues(pool, 8000, max_exchanges=4, task_share=0.45)
    words = tokenizer()
    rows = [encode_turns(words, [(t.prompt, t.answer) for t in d.exchanges]) for d in talks]
    return pad([row for row in rows if SHORTEST <= len(row[0]) <= LONGEST])


def old_text() -> Windows:
    """Windows of 64 words of what the base has read, six at a time."""
    return Windows(tokenizer().encode("".join(documents()[:6000])), 64, batch_size=6)


class Mixed(Stream):
    """Batches of conversations, each with one of old text: (tokens, answered, windows)."""

    def __init__(self, talks: Stream, old: Stream) -> None:
        self.talks, self.old = talks, old

    def batch(self, index: int) -> tuple[Tensor, ...]:
        """Batch `index` of both."""
        return (*self.talks[index], *self.old[index])


def batches() -> Mixed:
    """Sixteen conversations and six windows."""
    return Mixed(Batches(*conversations(), batch_size=16), old_text())


def replay_loss(model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
    """Nats a token of the answers, plus those of the old text."""
    return answer_loss(model, batch[:2]) + next_token_loss(model, batch[2:])


def base() -> nn.Module:
    """The model that it starts from, with weights that train."""
    return load("chat").requires_grad_()


RECIPE = Recipe(
    name="assistant",
    model=base,
    batches=batches,
    loss=replay_loss,
    optimizer=lambda model: adamw(model, 3e-3, 0.0),
    num_steps=220,
)
