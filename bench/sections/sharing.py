"""Several lessons at once on one machine: does it do as much work for all as for one?

A course is taken by many, often on one server. With the threads that the course chooses, the steps
of all lessons together should not fall when lessons are added; torch's own choice is the control.
"""

from __future__ import annotations

import multiprocessing
import queue
import time
from collections.abc import Sequence
from typing import Any

import torch
from frame.goals import Goal
from frame.process import in_process
from frame.turns import Same
from joblib import cpu_count

from course_utils import diffusion, language, training
from course_utils.notebook import setup

COUNTS = (1, 2, 4, 8)
STEPS, WARM_UP = 40, 3  # a step trains the U-Net once and the transformer once
LIMIT = 25.0  # seconds after which a lesson stops where it is
START = 120.0  # seconds that all lessons may take to import, build and warm up


def measure_section(
    counts: Sequence[int] = COUNTS, steps: int = STEPS, limit: float = LIMIT
) -> dict[str, Any]:
    """Throughput of 1, 2, 4 and 8 lessons at once; 8 should do at least 0.9 of what 1 does."""
    cores, chosen = cpu_count(), in_process("sections.sharing", "chosen_threads", {})[0]
    found = {n: together(n, chosen, steps=steps, limit=limit) for n in counts}
    most = max(counts)
    control = together(most, cores, steps=steps, limit=limit)
    alone, crowd = found[min(counts)]["steps_per_second"], found[most]["steps_per_second"]
    goal = Goal.higher(
        f"sharing: steps/s of {most} lessons at once", crowd, alone, "one lesson alone", 0.9
    )
    ratios = {f"{n} lessons / one": found[n]["steps_per_second"] / alone for n in counts}
    if 2 in found:
        ratios[f"{most} lessons / two"] = crowd / found[2]["steps_per_second"]
    ratios[f"{most} lessons / {most} with torch's own threads"] = (
        crowd / control["steps_per_second"]
    )
    details = {
        "threads": chosen,
        "cores": cores,
        "together": {str(n): row for n, row in found.items()},
        "control": {"threads": cores, "lessons": most, **control},
        "ratios": ratios,
    }
    return {"goals": [goal], "details": details}


def chosen_threads() -> int:
    """The threads that a lesson gives to torch; to be asked in a process of its own."""
    setup("01")
    return torch.get_num_threads()


def together(count: int, threads: int, *, steps: int, limit: float) -> dict[str, float]:
    """Run `count` lessons at once from a common start.

    Args:
        count: processes.
        threads: of torch, in each of them.
        steps: of training, in each of them.
        limit: seconds after which each stops, done or not.

    Returns:
        "steps" of all lessons, "seconds" from the start to the end of the last one, and their
        ratio "steps_per_second".

    Raises:
        RuntimeError: a lesson failed or did not answer.
    """
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(count), context.Queue()
    arguments = (threads, steps, limit, barrier, answers)
    lessons = [context.Process(target=lesson, args=arguments) for _ in range(count)]
    try:
        for process in lessons:
            process.start()
        rows = [answers.get(timeout=START + 2 * limit) for _ in lessons]
    except queue.Empty as error:
        codes = [process.exitcode for process in lessons]
        raise RuntimeError(
            f"{count} lessons should answer within {START + 2 * limit:.0f} s; their exit codes are "
            f"{codes} (None: still running). Look for an error above, or for a full memory."
        ) from error
    finally:
        for process in lessons:
            if process.is_alive():
                process.join(timeout=5)
            if process.is_alive():
                process.kill()
    done = sum(row[0] for row in rows)
    seconds = max(row[2] for row in rows) - min(row[1] for row in rows)
    return {"steps": done, "seconds": seconds, "steps_per_second": done / seconds}


def lesson(threads: int, steps: int, limit: float, barrier: Any, answers: Any) -> None:
    """What each process does: warm up, wait for all others, train; answers (steps, start, end)."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    painter, writer = image_training(), text_training()
    for _ in range(WARM_UP):
        next(painter), next(writer)
    barrier.wait(timeout=START)
    start, done = time.time(), 0  # the clock that all processes share
    while done < steps and time.time() - start < limit:
        next(painter), next(writer)
        done += 1
    answers.put((done, start, time.time()))


def image_training() -> Any:
    """Training steps of the U-Net on 32 images of 16 x 16."""
    net = diffusion.UNet(widths=(16, 32, 64))
    model = diffusion.Denoiser(net, diffusion.Cosine(), "v")
    batches = Same((torch.randn(32, 1, 16, 16),))
    return training.train_steps(model, batches, diffusion.denoising_loss, num_steps=10**9)


def text_training() -> Any:
    """Training steps of a transformer of width 64 on 16 texts of 64 tokens."""
    config = language.GPTConfig(64, context_length=64, num_layers=4, num_heads=4, width=64)
    batches = Same((torch.randint(64, (16, 65)),))
    return training.train_steps(
        language.GPT(config), batches, language.next_token_loss, num_steps=10**9
    )
