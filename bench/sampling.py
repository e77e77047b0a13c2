"""Samplers on one trained network: ours against diffusers' schedulers, and against bare calls.

The network is the U-Net of lesson 02 with the weights that the course ships.
"""

from __future__ import annotations

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
from course_utils.records import last

WEIGHTS = Path(__file__).resolve().parents[1] / "data" / "checkpoints" / "02_digits.safetensors"
CALLS, NUM_SAMPLES, LONG = (5, 10, 20, 50), 300, 1000


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
    reached, quality = by_calls(model)
    cost, overhead = loop(model)
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
    pairs = {
        "DDIM": (DDIMScheduler(**common, clip_sample=False, set_alpha_to_one=True), {}),
        "DDPM": (DDPMScheduler(**common, clip_sample=False), {"eta": 1.0}),
        "DPM-Solver++(2M)": (
            DPMSolverMultistepScheduler(**common, final_sigmas_type="zero"),
            {"order": 2},
        ),
    }
    x_start = torch.randn(4, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    found = {}
    for name, (scheduler, options) in pairs.items():
        model = Denoiser(net, Table(scheduler.alphas_cumprod), "v")
        noise = torch.Generator().manual_seed(1)
        steps = diffusion.sample(
            model, x_start.shape, num_steps=20, x_start=x_start, generator=noise, **options
        )
        theirs = scheduled(scheduler, net, x_start, 20)
        found[name] = max(
            float((step.state - state).abs().max())
            for step, state in zip(steps, theirs, strict=True)
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

    def distances(num_steps: int, **options: Any) -> dict[str, float]:
        generator = torch.Generator().manual_seed(2)
        shape = (NUM_SAMPLES, 1, 16, 16)
        images = last(
            diffusion.sample(
                model, shape, num_steps=num_steps, clip=1.0, generator=generator, **options
            )
        ).state
        return {
            "pixels": energy_distance(images, digits.test.images),
            "features": judge.distance(images, digits.test.images),
        }

    samplers: dict[str, dict[str, Any]] = {
        "DDPM": {"eta": 1.0},
        "DDIM": {},
        "DPM-Solver++(2M)": {"order": 2},
    }
    found = {
        name: {str(calls): distances(calls, **options) for calls in CALLS}
        for name, options in samplers.items()
    }
    reference = distances(LONG, eta=1.0)
    best = min(found, key=lambda name: found[name]["10"]["pixels"])
    goal = Goal.lower(
        f"sampling: energy distance of 10 calls ({best})",
        max(found[best]["10"]["pixels"], 1e-4),
        max(reference["pixels"], 1e-4),
        f"DDPM, {LONG} calls",
        0.9,
    )
    return goal, found | {f"DDPM, {LONG} calls": reference}


def loop(model: Denoiser, batch: int = 16, num_steps: int = 50) -> tuple[Goal, dict[str, Any]]:
    """CPU seconds of our loop beside the same number of bare calls of the network."""
    x = torch.randn(batch, 1, 16, 16)
    t = torch.rand(batch)

    def bare() -> float:
        clock = Clock()
        with clock:
            for _ in range(num_steps):
                model.net(x, t)
        return clock.seconds

    def ours() -> float:
        clock = Clock()
        with clock:
            last(diffusion.sample(model, x.shape, num_steps=num_steps, x_start=x))
        return clock.seconds

    bare(), ours()
    found = alternate({"bare calls": bare, "ours": ours}, 15)
    medians = {name: row["median"] for name, row in found.items()}
    goal = Goal.lower(
        "sampling: CPU s of 50 steps, at most 3 % over bare calls",
        medians["ours"],
        medians["bare calls"],
        "bare network calls",
        1 / 1.03,
    )
    return goal, {"seconds": found, "overhead": medians["ours"] / medians["bare calls"] - 1}
