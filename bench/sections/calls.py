"""Quality against the number of calls: how far samples are from held-out digits, for each sampler.

A distance strays around its floor, which is what as many real digits get. So the floor is taken
off, every sampler starts from three seeds, and two samplers are compared by the interval of their
difference. One network serves all: what is said holds for it.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import torch
from frame.goals import Goal
from peers.ours import Painter
from torch import Tensor

from course_utils import data, diffusion, training
from course_utils.diffusion import Denoiser
from course_utils.measure import Judge, classification_loss, energy_distance
from course_utils.records import last

CALLS, NUM_SAMPLES, LONG = (5, 10, 20, 50), 500, 1000
SEEDS = (0, 1, 2)  # of the starting noise; times and options were chosen on 100 to 102
TRAINING = 1000  # steps
Options = Callable[[int, torch.Generator], dict[str, Any]]  # calls, noise -> for `sample`


def painter(digits: data.Digits, num_steps: int = TRAINING) -> Denoiser:
    """The U-Net of the course after 1,000 steps of its recipe, without labels."""
    torch.manual_seed(0)
    trainee = Painter(conditional=False)
    stream = data.Batches(*digits.train, batch_size=trainee.batch_size, seed=0)
    for index in range(num_steps):
        trainee.step(stream[index][0], None, index / num_steps)
    return trainee.model.eval()


def judge_of(digits: data.Digits, num_steps: int = 400) -> Judge:
    """A small classifier, whose features are a second measure beside the pixels."""
    torch.manual_seed(0)
    judge = Judge()
    stream = data.Batches(*digits.train, batch_size=64)
    for _ in training.train_steps(judge, stream, classification_loss, num_steps=num_steps):
        pass
    return judge.eval()


def ancestral(calls: int, noise: torch.Generator) -> dict[str, Any]:
    """DDPM."""
    step = diffusion.ancestral(generator=noise)
    return {"num_steps": calls, "step": step, "clip": 1.0}


def ddim(calls: int, _: torch.Generator) -> dict[str, Any]:
    """DDIM."""
    return {"num_steps": calls, "clip": 1.0}


def second_order(calls: int, _: torch.Generator) -> dict[str, Any]:
    """DPM-Solver++(2M) at times even in t."""
    return {"num_steps": calls, "step": diffusion.dpm_solver_2m(), "clip": 1.0}


def even_in_snr(calls: int, _: torch.Generator) -> dict[str, Any]:
    """DPM-Solver++(2M) at times even in log SNR."""
    times = diffusion.times_even_in_snr(diffusion.Cosine(), calls)
    return {"times": times, "step": diffusion.dpm_solver_2m()}


SAMPLERS: dict[str, Options] = {
    "DDPM": ancestral,
    "DDIM": ddim,
    "DPM-Solver++(2M)": second_order,
    "DPM-Solver++(2M), even in log SNR": even_in_snr,
}
BEST = "DPM-Solver++(2M), even in log SNR"  # chosen beforehand, not for its result


class Distances:
    """Distances to held-out digits, in pixels and in the judge's features, without their floors.

    Args:
        digits: 16 x 16.
        judge: trained on them.
    """

    def __init__(self, digits: data.Digits, judge: Judge) -> None:
        self.held_out, self.judge = digits.test.images, judge
        order = torch.randperm(len(digits.train.images), generator=torch.Generator().manual_seed(0))
        parts = [part for part in order.split(NUM_SAMPLES) if len(part) == NUM_SAMPLES]
        real = [self._of(digits.train.images[part]) for part in parts]
        self.floor = {name: statistics.mean(row[name] for row in real) for name in real[0]}
        self.scatter = {name: statistics.stdev(row[name] for row in real) for name in real[0]}

    def _of(self, images: Tensor) -> dict[str, float]:
        return {
            "pixels": energy_distance(images, self.held_out),
            "features": float(self.judge.distance(images, self.held_out)),
        }

    def of(self, model: Denoiser, sampler: Options, calls: int) -> dict[str, list[float]]:
        """One number a seed, above the floor."""
        found: dict[str, list[float]] = {name: [] for name in self.floor}
        for seed in SEEDS:
            generator = torch.Generator().manual_seed(seed)
            shape, options = (NUM_SAMPLES, 1, 16, 16), sampler(calls, generator)
            images = last(diffusion.sample(model, shape, generator=generator, **options)).state
            for name, value in self._of(images).items():
                found[name].append(value - self.floor[name])
        return found


def by_calls(model: Denoiser, digits: data.Digits) -> tuple[Goal, dict[str, Any]]:
    """The goal, ten calls beside a thousand of DDPM, and the distances of all samplers."""
    distances = Distances(digits, judge_of(digits))
    with torch.no_grad():
        few = distances.of(model, even_in_snr, 10)
        many = distances.of(model, ancestral, LONG)
        found = {
            name: {str(calls): distances.of(model, sampler, calls) for calls in CALLS}
            for name, sampler in SAMPLERS.items()
        }
    goal = Goal.difference(
        f"sampling: energy distance above its floor, 10 calls and {LONG} of DDPM",
        few["pixels"],
        many["pixels"],
        f"DDPM, {LONG} calls",
    )
    return goal, found | {
        f"{BEST}, 10 calls": few,
        f"DDPM, {LONG} calls": many,
        "floor": distances.floor,
        "scatter of the floor": distances.scatter,
    }
