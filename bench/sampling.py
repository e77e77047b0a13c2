"""Samplers on one trained network: ours against diffusers' schedulers, and against bare calls.

The network is the U-Net of lesson 02 with the weights that the course ships.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from clock import Clock
from common import Goal, alternate, threads
from torch import Tensor

from course_utils import data, diffusion, training
from course_utils.diffusion import Denoiser, Schedule
from course_utils.measure import Judge, classification_loss, energy_distance
from course_utils.notebook.computer import usable_cores
from course_utils.records import last

WEIGHTS = Path(__file__).resolve().parents[1] / "course_utils" / "weights" / "02_digits.safetensors"
CALLS, NUM_SAMPLES, LONG = (5, 10, 20, 50), 500, 1000
SEEDS = (0, 1, 2)  # of the starting noise; times and options were chosen on 100 to 102
BATCHES = (16, 64)  # images at once in `loops`
Options = Callable[[int, torch.Generator], dict[str, Any]]  # calls, noise -> for `sample`


@dataclass(frozen=True, repr=False)
class Table(Schedule):
    """A schedule of the libraries: alpha_bar at 1000 integer timesteps, t = (i + 1) / 1000."""

    alphas_cumprod: Tensor = field(compare=False)

    def alpha(self, t: Any) -> Tensor:
        """Looked up; 1 at t = 0."""
        table = torch.cat([torch.ones(1), self.alphas_cumprod])
        return table[(torch.as_tensor(t) * 1000).round().long()].sqrt()

    def sigma(self, t: Any) -> Tensor:
        """sqrt(1 - alpha^2)."""
        return (1 - self.alpha(t) ** 2).sqrt()


@torch.no_grad()
def measure_section() -> dict[str, Any]:
    """Equal trajectories, quality against calls, and what the loop costs."""
    threads()
    net = diffusion.UNet(widths=(16, 24, 32)).eval()
    tensors, _ = training.load_checkpoint(WEIGHTS)
    prefix = "model.net."
    net.load_state_dict(
        {name[len(prefix) :]: w for name, w in tensors.items() if name.startswith(prefix)}
    )
    model = Denoiser(net, diffusion.Cosine(), "v").eval()
    torch.set_num_threads(usable_cores())  # distances do not depend on it
    reached, quality = by_calls(model)
    threads()
    cost, overhead = loops(net)
    details = {"trajectories": trajectories(net), "quality": quality, "loop": overhead}
    return {"goals": [reached, cost], "details": details}


def trajectories(net: torch.nn.Module) -> dict[str, float]:
    """Largest difference of any state on the way, ours to each scheduler's, 20 calls."""
    from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler

    betas = diffusion.discrete_betas(diffusion.Cosine()).float().numpy()
    common = dict(
        num_train_timesteps=1000,
        trained_betas=betas,
        prediction_type="v_prediction",
        timestep_spacing="trailing",
    )
    noise = torch.Generator().manual_seed(1)
    pairs = {
        "DDIM": (DDIMScheduler(**common, clip_sample=False, set_alpha_to_one=True), diffusion.ddim),
        "DDPM": (DDPMScheduler(**common, clip_sample=False), diffusion.ancestral(generator=noise)),
        "DPM-Solver++(2M)": (
            DPMSolverMultistepScheduler(**common, final_sigmas_type="zero"),
            diffusion.dpm_solver_2m(),
        ),
    }
    x_start = torch.randn(4, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    found = {}
    for name, (scheduler, step) in pairs.items():
        model = Denoiser(net, Table(scheduler.alphas_cumprod), "v")
        steps = diffusion.sample(model, x_start.shape, num_steps=20, step=step, x_start=x_start)
        theirs = scheduled(scheduler, net, x_start, 20)
        found[name] = max(
            float((ours.state - state).abs().max())
            for ours, state in zip(steps, theirs, strict=True)
        )
    return found


def scheduled(scheduler: Any, net: torch.nn.Module, x: Tensor, num_steps: int) -> list[Tensor]:
    """The states of a diffusers scheduler with our network."""
    import inspect

    scheduler.set_timesteps(num_steps)
    noise = torch.Generator().manual_seed(1)
    takes = "generator" in inspect.signature(scheduler.step).parameters
    states = []
    for i in scheduler.timesteps:
        t = x.new_full((len(x),), (int(i) + 1) / 1000)
        options = {"generator": noise} if takes else {}
        x = scheduler.step(net(x, t), i, x, **options).prev_sample
        states.append(x)
    return states


def by_calls(model: Denoiser) -> tuple[Goal, dict[str, Any]]:
    """Distance of samples to held-out digits, for each sampler and number of calls."""
    digits = data.load_digits(16)
    judge = Judge()
    with torch.enable_grad():
        stream = data.Batches(*digits.train, batch_size=64)
        for _ in training.train_steps(judge, stream, classification_loss, num_steps=400):
            pass

    def distances(sampler: Options, calls: int, seed: int) -> dict[str, float]:
        generator = torch.Generator().manual_seed(seed)
        shape = (NUM_SAMPLES, 1, 16, 16)
        steps = diffusion.sample(model, shape, generator=generator, **sampler(calls, generator))
        images = last(steps).state
        return {
            "pixels": energy_distance(images, digits.test.images),
            "features": judge.distance(images, digits.test.images),
        }

    def ancestral(calls: int, generator: torch.Generator) -> dict[str, Any]:
        step = diffusion.ancestral(generator=generator)
        return {"num_steps": calls, "step": step, "clip": 1.0}

    def even(calls: int, generator: torch.Generator) -> dict[str, Any]:
        times = diffusion.times_even_in_snr(model.schedule, calls)
        return {"times": times, "step": diffusion.dpm_solver_2m()}

    samplers: dict[str, Options] = {
        "DDPM": ancestral,
        "DDIM": lambda calls, _: {"num_steps": calls, "clip": 1.0},
        "DPM-Solver++(2M)": lambda calls, _: {
            "num_steps": calls,
            "step": diffusion.dpm_solver_2m(),
            "clip": 1.0,
        },
        "DPM-Solver++(2M), even in log SNR": even,
    }
    found = {
        name: {
            str(calls): averaged([distances(sampler, calls, seed) for seed in SEEDS])
            for calls in CALLS
        }
        for name, sampler in samplers.items()
    }
    reference = distances(ancestral, LONG, SEEDS[0])
    best = list(samplers)[-1]  # chosen beforehand, not for its result
    baseline = real(judge, digits)
    noise = baseline["spread"]  # a smaller distance cannot be told from 0
    goal = Goal.lower(
        "sampling: energy distance of 10 calls",
        max(found[best]["10"]["pixels"], noise),
        max(reference["pixels"], noise),
        f"DDPM, {LONG} calls",
        0.9,
    )
    return goal, found | {f"DDPM, {LONG} calls": reference, "real digits": baseline}


def averaged(rows: list[dict[str, float]]) -> dict[str, float]:
    """The mean of each measure, and the standard deviation of the one in pixels."""
    means = {key: statistics.mean(row[key] for row in rows) for key in rows[0]}
    return means | {"spread": statistics.stdev(row["pixels"] for row in rows)}


def real(judge: Judge, digits: data.Digits) -> dict[str, float]:
    """The same of as many real digits: what the best of all samplers would get."""
    order = torch.randperm(len(digits.train.images), generator=torch.Generator().manual_seed(0))
    parts = [digits.train.images[part] for part in order.split(NUM_SAMPLES)]
    return averaged(
        [
            {
                "pixels": energy_distance(images, digits.test.images),
                "features": judge.distance(images, digits.test.images),
            }
            for images in parts
        ]
    )


class Timed(torch.nn.Module):
    """A network with a clock that runs while it works."""

    def __init__(self, net: torch.nn.Module) -> None:
        super().__init__()
        self.net, self.clock = net, Clock()

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """What the network says."""
        with self.clock:
            return self.net(x, t)


def loops(net: torch.nn.Module) -> tuple[Goal, dict[str, Any]]:
    """What our loop adds to the calls of the network inside it, and diffusers' loop beside it.

    Both times come from one run, so a slow minute of the machine hits both.
    """
    found = {
        f"{name}, batch {batch}": shares for batch in BATCHES for name, shares in loop(net, batch)
    }
    ours = found[f"ours, batch {BATCHES[-1]}"]
    goal = Goal.lower(
        f"sampling: CPU time of the loop, {BATCHES[-1]} images",
        1 + ours["median"],
        1.0,
        "the network in it",
        1 / 1.03,
    )
    return goal, {"overhead": found}


def loop(net: torch.nn.Module, batch: int) -> Iterator[tuple[str, dict[str, float]]]:
    """(name, share of the network's CPU seconds that a loop of 50 steps adds)."""
    from diffusers import DDIMScheduler

    timed = Timed(net).eval()
    model = Denoiser(timed, diffusion.Cosine(), "v")
    scheduler = DDIMScheduler(prediction_type="v_prediction", beta_schedule="squaredcos_cap_v2")
    x = torch.randn(batch, 1, 16, 16)

    def share(run: Callable[[], object]) -> Callable[[], float]:
        def measured() -> float:
            timed.clock, whole = Clock(), Clock()
            with whole:
                run()
            return whole.seconds / timed.clock.seconds - 1

        return measured

    runs = {
        "ours": share(lambda: last(diffusion.sample(model, x.shape, num_steps=50, x_start=x))),
        "diffusers": share(lambda: scheduled(scheduler, timed, x, 50)),
    }
    yield from alternate(runs, 9).items()
