"""Random numbers of a training step: a function of the seed, the step and the process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from course_utils.training.ranges import check_count


def step_seed(seed: int, step: int, rank: int = 0) -> int:
    """The seed of torch's random numbers in one step of a training.

    A training can thus go on at step 1,000 with the numbers that an uninterrupted one would have
    drawn there, and no random state need be stored. A loop of one's own draws the same numbers as
    `fit` with `torch.manual_seed(step_seed(seed, step))` at the start of each step.

    Args:
        seed: of the training; `fit` takes `torch.initial_seed()`, what torch was last seeded with.
        step: number of the step, from 0.
        rank: number of the process, from 0: each draws its own.

    Returns:
        A number below 2^32, what torch's generator on the CPU looks at.

    Raises:
        ValueError: one of them is negative.
    """
    for name, value in {"seed": seed, "step": step, "rank": rank}.items():
        check_count(name, value, 0, advice="Count from 0.")
    # The key keeps these apart from SeedSequence((seed, k)), which orders the batches of the data.
    return int(np.random.SeedSequence(seed, spawn_key=(step, rank)).generate_state(1)[0])


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch for the block; afterwards the random state is what it was before."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
