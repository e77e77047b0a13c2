"""Networks that see a noisy example and its time, and the `Denoiser` that gives them a meaning.

Letters: B batch, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.diffusion.inputs import Time, batch_times, check_floating
from course_utils.diffusion.schedule import NO_DATA, Schedule
from course_utils.layers import at_least_float32, check_sizes, time_embedding
from course_utils.records import Prediction


class Predictor(Protocol):
    """What samplers and measures need: a trained `Denoiser`, or an exact one."""

    schedule: Schedule

    def __call__(self, x_t: Tensor, t: Time, cond: Tensor | None = None) -> Prediction:
        """Estimate the data and the noise in x_t (B, ...) at times t (B,)."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """The trained weights."""

    def buffers(self) -> Iterator[Tensor]:
        """Tensors that are kept with them."""


# What a network can be asked for, as rows (p, q) of: output = p * x0 + q * eps.
TARGETS: dict[str, Callable[[Tensor, Tensor], tuple[Tensor | float, Tensor | float]]] = {
    "eps": lambda alpha, sigma: (0.0, 1.0),
    "x0": lambda alpha, sigma: (1.0, 0.0),
    "v": lambda alpha, sigma: (-sigma, alpha),
    "flow": lambda alpha, sigma: (-1.0, 1.0),
}


class Denoiser(nn.Module):
    """A network bound to its schedule and to what it predicts, so loss and sampler cannot disagree.

    Args:
        net: called as net(x_t, t) or net(x_t, t, cond); returns the shape of x_t.
        schedule: says alpha(t) and sigma(t).
        predicts: "eps" the noise, "x0" the data, "v" = alpha eps - sigma x0, "flow" = eps - x0.

    Raises:
        ValueError: `predicts` is none of the four.

    Source: Ho et al. 2020 (eps), Salimans & Ho 2022 (v, arXiv:2202.00512), Liu et al. 2022 (flow).
    """

    def __init__(self, net: nn.Module, schedule: Schedule, predicts: str = "eps") -> None:
        super().__init__()
        if predicts not in TARGETS:
            raise ValueError(f"predicts must be one of {', '.join(TARGETS)}; got {predicts!r}.")
        self.net = net
        self.schedule = schedule
        self.predicts = predicts

    @property
    def config(self) -> dict[str, str]:
        """What a checkpoint must agree with, besides the shapes of the weights."""
        return {"predicts": self.predicts, "schedule": repr(self.schedule)}

    def target(self, x0: Tensor, eps: Tensor, t: Tensor) -> Tensor:
        """What the network should say for clean x0 (B, ...), noise eps (B, ...), times t (B,)."""
        p, q = TARGETS[self.predicts](*self.schedule.at(t, x0))
        return p * x0 + q * eps

    def interpret(self, output: Tensor, x_t: Tensor, t: Time) -> Prediction:
        """Solve output = p x0 + q eps together with x_t = alpha x0 + sigma eps for x0 and eps.

        Args:
            output: (B, ...) what the network said.
            x_t: (B, ...) what it saw.
            t: (B,) when, or one float for all.

        Raises:
            ValueError: the two equations are one: eps says nothing about x0 where alpha is 0, nor
                x0 about eps where sigma is 0. Seen on the CPU; elsewhere the result is not finite.
        """
        alpha, sigma = self.schedule.at(t, x_t)
        p, q = TARGETS[self.predicts](alpha, sigma)
        determinant = alpha * q - sigma * p
        # An accelerator would have to wait for this look.
        if determinant.device.type == "cpu" and bool((determinant.abs() < NO_DATA).any()):
            factor, end = (
                ("alpha", "t_start=0.99") if self.predicts == "eps" else ("sigma", "t > 0")
            )
            raise ValueError(
                f"{factor} = 0 at one of these times, so a prediction of {self.predicts} does not "
                f'say both the data and the noise. Use {end}, or a model that predicts "v".'
            )
        x0_hat = (q * x_t - sigma * output) / determinant
        eps_hat = (alpha * output - p * x_t) / determinant
        return Prediction(x0_hat, eps_hat)

    def ask(self, x_t: Tensor, t: Time, cond: Tensor | None = None) -> Tensor:
        """What the network itself says of x_t (B, ...) at times t (B,): the shape of x_t.

        It is shown copies, x_t in the precision of its weights: a layer that works in place must
        not change what belongs to the caller. Its answer is at least float32.

        Raises:
            ValueError: x_t is not floating point, or t does not suit it.
        """
        check_floating(x_t, "x_t")
        weights = (p.dtype for p in self.net.parameters() if p.is_floating_point())
        seen = x_t.to(next(weights, x_t.dtype), copy=True)
        times = batch_times(t, x_t)
        output = self.net(seen, times) if cond is None else self.net(seen, times, cond.clone())
        return output.to(at_least_float32(output.dtype))

    def forward(self, x_t: Tensor, t: Time, cond: Tensor | None = None) -> Prediction:
        """Estimate the data and the noise in x_t (B, ...) at times t (B,), or one for all."""
        return self.interpret(self.ask(x_t, t, cond), x_t, t)


class PointMLP(nn.Module):
    """A residual MLP for points: x (B, dimensions) and t (B,) in, the same shape as x out.

    It sees each coordinate also through sines and cosines of four frequencies: an MLP alone is slow
    to learn what changes over a short distance.

    Args:
        dimensions: coordinates of a point, at least 1.
        width: D, hidden width, a multiple of 4 and at least 8.
        num_layers: number of residual layers, at least 0.

    Raises:
        ValueError: a size is outside its range.

    Source: Tancik et al. 2020 (Fourier features), arXiv:2006.10739.
    """

    edges = ("enter", "leave")  # not hidden: `training.muon` leaves them to AdamW
    num_frequencies = 4

    def __init__(self, dimensions: int = 2, width: int = 128, num_layers: int = 3) -> None:
        super().__init__()
        check_sizes(dimensions=dimensions)
        check_sizes(0, num_layers=num_layers)
        if width < 8 or width % 4:
            raise ValueError(f"width must be a multiple of 4, at least 8; got {width}.")
        self.time_width = width // 2
        num_features = dimensions * (1 + 2 * self.num_frequencies) + self.time_width
        self.enter = nn.Linear(num_features, width)
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(num_layers))
        self.leave = nn.Linear(width, dimensions)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """One output for each point."""
        powers = torch.arange(self.num_frequencies, device=x.device, dtype=x.dtype)
        angle = (x[..., None] * 2**powers).flatten(1)  # (B, dimensions * num_frequencies)
        time = time_embedding(t, self.time_width, dtype=x.dtype)
        seen = torch.cat([x, angle.sin(), angle.cos(), time], dim=1)
        h = F.silu(self.enter(seen))  # (B, D)
        for layer in self.layers:
            h = h + F.silu(layer(h))
        return self.leave(h)  # (B, dimensions)
