"""Small programs: what one is asked to do, a program that does it, and what it prints."""

from __future__ import annotations

import random
from dataclasses import dataclass

from course_utils.data.tasks.interpreter import run_program
from course_utils.data.tasks.task import Part, Task, drawn, joined

STEPS = {  # what is said -> the line that does it; {} is a digit
    "add {}": "x = x + {}",
    "take away {}": "x = x - {}",
    "multiply by {}": "x = x * {}",
    "double it": "x = x * 2",
    "add {} {} times": "for i in range ( {1} ): x = x + {0}",
    "if it is above {}, take away {}": "if x > {}: x = x - {}",
}


@dataclass(frozen=True)
class ProgramTask(Task):
    """A program to write.

    Attributes:
        result: the number that it must print; other programs that print it are right too.
    """

    result: int


def programs(
    count: int, *, max_steps: int = 3, part: Part = "train", seed: int = 0
) -> list[ProgramTask]:
    """Draw programs of one to `max_steps` steps.

    "start with 7, add 3, double it." is answered by four lines, the last of which prints x.

    Args:
        count: how many.
        max_steps: at least 1.
        part: "train" or "test".
        seed: of the draws.

    Raises:
        ValueError: an argument is out of its range.
    """
    if max_steps < 1:
        raise ValueError(f"max_steps must be at least 1; got {max_steps}.")
    source = random.Random(seed)

    def draw() -> tuple[str, Task]:
        start = source.randint(1, 9)
        said, lines = [f"start with {start}"], [f"x = {start}"]
        for step in source.choices(list(STEPS), k=source.randint(1, max_steps)):
            digits = source.randint(2, 9), source.randint(2, 9)
            said.append(step.format(*digits))
            lines.append(STEPS[step].format(*digits))
        prompt, answer = ", ".join(said) + ".", joined("\n".join([*lines, "print ( x )"]))
        return prompt, ProgramTask("program", prompt, answer, run_program(answer)[0])

    return [task for task in drawn(draw, count, part) if isinstance(task, ProgramTask)]
