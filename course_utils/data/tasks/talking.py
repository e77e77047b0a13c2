"""Conversations: tasks one after another, with small talk between them, and a name to remember."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from course_utils.data.tasks.facts import PEOPLE
from course_utils.data.tasks.task import Part, Task, check_part, part_of

SMALL_TALK = {"hello.": "hello, how can I help?", "thank you.": "you are welcome."}
ASKS_NAME, NO_NAME = "what is my name?", "you have not told me."


@dataclass(frozen=True)
class Dialogue:
    """What was said in turn: (prompt of the user, answer), one pair or more."""

    exchanges: tuple[Task, ...]


def dialogues(
    tasks: Sequence[Task],
    count: int,
    *,
    max_exchanges: int = 3,
    task_share: float = 0.6,
    part: Part = "train",
    seed: int = 0,
) -> list[Dialogue]:
    """Draw conversations of one to `max_exchanges` exchanges.

    Small talk is a greeting, thanks, "my name is Anna." and, later, "what is my name?": its one
    right answer stands further up, or is that it was not told.

    Args:
        tasks: drawn with equal chance; of the part, which is the caller's care.
        count: how many.
        max_exchanges: at least 1.
        task_share: of exchanges that are a task and no small talk, from 0 to 1.
        part: of the conversations about names, "train" or "test": which names come in which order.
        seed: of the draws.

    Raises:
        ValueError: an argument is out of its range.
    """
    check_part(part)
    if max_exchanges < 1 or count < 0 or not 0 <= task_share <= 1 or (task_share and not tasks):
        raise ValueError(
            "dialogues needs tasks (or task_share=0), count >= 0, max_exchanges >= 1, task_share "
            f"in [0, 1]; got {len(tasks)}, {count}, {max_exchanges} and {task_share}."
        )
    source, found = random.Random(seed), list[Dialogue]()
    while len(found) < count:
        said, name = [], ""
        for _ in range(source.randint(1, max_exchanges)):
            if source.random() < task_share:
                said.append(source.choice(tasks))
                continue
            talk, name = _small_talk(source, name)
            said.append(talk)
        talk_key = " ".join(task.prompt for task in said if task.kind == "talk")
        if "name" not in talk_key or part_of(talk_key) == part:
            found.append(Dialogue(tuple(said)))
    return found


def _small_talk(source: random.Random, name: str) -> tuple[Task, str]:
    """One exchange, and the name that is known after it."""
    kind = source.choice(("polite", "tell", "ask"))
    if kind == "tell" or (kind == "ask" and not name and source.random() < 0.7):
        name = source.choice(PEOPLE)
        return Task("talk", f"my name is {name}.", f"nice to meet you, {name}."), name
    if kind == "ask":
        answer = f"your name is {name}." if name else NO_NAME
        return Task("talk", ASKS_NAME, answer), name
    prompt = source.choice(list(SMALL_TALK))
    return Task("talk", prompt, SMALL_TALK[prompt]), name
