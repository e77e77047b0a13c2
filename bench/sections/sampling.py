"""Samplers: equal trajectories to diffusers' schedulers, quality by calls, cost of the loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from frame.clock import Clock
from frame.goals import Goal
from frame.machine import threads
from frame.turns import alternate
from joblib import cpu_count
from torch import Tensor

from course_utils import data, diffusion
from course_utils.diffusion import Denoiser, Schedule
from course_utils.records import last
from sections.calls import by_calls, painter

BATCHES = (16, 64)  # images at once in `loops`


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


def measure_section() -> dict[str, Any]:
    """Equal trajectories, quality against calls, and what the loop costs."""
    threads()
    digits = data.load_digits(16)
    model = painter(digits)
    torch.set_num_threads(cpu_count())  # distances do not depend on it
    reached, quality = by_calls(model, digits)
    threads()
    with torch.no_grad():
        costs, overhead = loops(model.net)
        agree = trajectories(model.net)
    details = {"trajectories": agree, "quality": quality, "loop": overhead}
    return {"goals": [reached, *costs], "details": details}


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


class Timed(torch.nn.Module):
    """A network with a clock that runs while it works."""

    def __init__(self, net: torch.nn.Module) -> None:
        super().__init__()
        self.net, self.clock = net, Clock()

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """What the network says."""
        with self.clock:
            return self.net(x, t)


def loops(net: torch.nn.Module) -> tuple[list[Goal], dict[str, Any]]:
    """What our loop adds to the calls of the network inside it, and diffusers' loop beside it.

    Both times come from one run, so a slow minute of the machine hits both.
    """
    found = {
        f"{name}, batch {batch}": shares for batch in BATCHES for name, shares in loop(net, batch)
    }
    goals = [
        Goal.lower(
            f"sampling: CPU time of the loop, {batch} images",
            1 + found[f"ours, batch {batch}"]["median"],
            1.0,
            "the network in it",
            1 / 1.03,
        )
        for batch in BATCHES
    ]
    return goals, {"overhead": found}


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
