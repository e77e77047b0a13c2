"""Networks that see a noisy example and its time, and the `Denoiser` that gives them a meaning.

Letters: B batch, C H W image, D width.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.diffusion.schedule import Schedule
from course_utils.layers import time_embedding
from course_utils.records import Prediction


class Predictor(Protocol):
    """What samplers and measures need: a trained `Denoiser`, or an exact one."""

    schedule: Schedule

    def __call__(self, x_t: Tensor, t: Tensor, cond: Tensor | None = None) -> Prediction:
        """Estimate the data and the noise in x_t (B, ...) at times t (B,)."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """The trained weights."""

    def buffers(self) -> Iterator[Tensor]:
        """Tensors that are kept with them."""


# What a network can be asked for, as rows (p, q) of: output = p * x0 + q * eps.
TARGETS = {
    "eps": lambda alpha, sigma: (0.0 * alpha, 1.0 + 0.0 * sigma),
    "x0": lambda alpha, sigma: (1.0 + 0.0 * alpha, 0.0 * sigma),
    "v": lambda alpha, sigma: (-sigma, alpha),
    "flow": lambda alpha, sigma: (-1.0 + 0.0 * alpha, 1.0 + 0.0 * sigma),
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

    def interpret(self, output: Tensor, x_t: Tensor, t: Tensor) -> Prediction:
        """Solve output = p x0 + q eps together with x_t = alpha x0 + sigma eps for x0 and eps.

        Args:
            output: (B, ...) what the network said.
            x_t: (B, ...) what it saw.
            t: (B,) when. Where alpha is 0, eps alone says nothing about x0 and the result is inf.
        """
        alpha, sigma = self.schedule.at(t, x_t)
        p, q = TARGETS[self.predicts](alpha, sigma)
        determinant = alpha * q - sigma * p
        x0_hat = (q * x_t - sigma * output) / determinant
        eps_hat = (alpha * output - p * x_t) / determinant
        return Prediction(x0_hat, eps_hat)

    def forward(self, x_t: Tensor, t: Tensor, cond: Tensor | None = None) -> Prediction:
        """Estimate the data and the noise in x_t (B, ...) at times t (B,)."""
        output = self.net(x_t, t) if cond is None else self.net(x_t, t, cond)
        return self.interpret(output, x_t, t)


class PointMLP(nn.Module):
    """A residual MLP for points: x (B, dimensions) and t (B,) in, the same shape as x out.

    It sees each coordinate also through sines and cosines of four frequencies: an MLP alone is slow
    to learn what changes over a short distance.

    Args:
        dimensions: coordinates of a point.
        width: D, hidden width.
        num_layers: number of residual layers.

    Source: Tancik et al. 2020 (Fourier features), arXiv:2006.10739.
    """

    num_frequencies = 4

    def __init__(self, dimensions: int = 2, width: int = 128, num_layers: int = 3) -> None:
        super().__init__()
        self.time_width = width // 2
        num_features = dimensions * (1 + 2 * self.num_frequencies) + self.time_width
        self.enter = nn.Linear(num_features, width)
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(num_layers))
        self.leave = nn.Linear(width, dimensions)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """One output for each point."""
        frequency = 2.0 ** torch.arange(self.num_frequencies, device=x.device)  # 1, 2, 4, 8
        angle = (x[..., None] * frequency).flatten(1)  # (B, dimensions * num_frequencies)
        seen = torch.cat([x, angle.sin(), angle.cos(), time_embedding(t, self.time_width)], dim=1)
        h = F.silu(self.enter(seen))  # (B, D)
        for layer in self.layers:
            h = h + F.silu(layer(h))
        return self.leave(h)  # (B, dimensions)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with a skip; the condition scales and shifts between them.

    Args:
        channels_in: C of the input.
        channels: C of the output.
        cond_width: width of the condition vector (time, and class if there is one).

    Source: the adaptive group normalisation of Dhariwal & Nichol 2021, arXiv:2105.05233.
    """

    def __init__(self, channels_in: int, channels: int, cond_width: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(8, channels_in)
        self.conv1 = nn.Conv2d(channels_in, channels, 3, padding=1)
        self.scale_shift = nn.Linear(cond_width, 2 * channels)
        self.norm2 = nn.GroupNorm(8, channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)  # the block starts as its skip: a deep net trains at once
        same = channels_in == channels
        self.skip = nn.Identity() if same else nn.Conv2d(channels_in, channels, 1)

    def forward(self, x: Tensor, cond: Tensor) -> Tensor:
        """Map x (B, channels_in, H, W) and cond (B, cond_width) to (B, channels, H, W)."""
        h = self.conv1(F.silu(self.norm1(x)))
        scale, shift = self.scale_shift(cond)[:, :, None, None].chunk(2, dim=1)
        h = self.norm2(h) * (1 + scale) + shift
        return self.skip(x) + self.conv2(F.silu(h))


class UNet(nn.Module):
    """A small time-conditioned U-Net: down, a middle, up, with a skip at each resolution.

    Args:
        channels: C of the image.
        widths: channels at each resolution, from the finest; each a multiple of 8.
        num_classes: 0 for none; otherwise labels 0 ... num_classes - 1 can be given as `cond`.

    Image sides must be divisible by 2^(len(widths) - 1).

    Source: Ronneberger et al. 2015, arXiv:1505.04597; with time as in Ho et al. 2020.
    """

    def __init__(
        self, channels: int = 1, widths: tuple[int, ...] = (32, 64, 96), num_classes: int = 0
    ) -> None:
        super().__init__()
        self.time_width, cond_width = widths[0], 4 * widths[0]
        self.time = nn.Sequential(
            nn.Linear(self.time_width, cond_width), nn.SiLU(), nn.Linear(cond_width, cond_width)
        )
        self.label = nn.Embedding(num_classes, cond_width) if num_classes else None
        self.enter = nn.Conv2d(channels, widths[0], 3, padding=1)
        sources = (widths[0], *widths[:-1])
        self.down = nn.ModuleList(
            ResidualBlock(source, width, cond_width)
            for source, width in zip(sources, widths, strict=True)
        )
        self.middle = ResidualBlock(widths[-1], widths[-1], cond_width)
        self.up = nn.ModuleList(
            ResidualBlock(2 * width, source, cond_width)
            for source, width in reversed(list(zip(sources, widths, strict=True)))
        )
        self.leave = nn.Sequential(
            nn.GroupNorm(8, widths[0]), nn.SiLU(), nn.Conv2d(widths[0], channels, 3, padding=1)
        )

    def forward(self, x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        """Map x (B, C, H, W), times t (B,) and labels (B,), if any, to (B, C, H, W)."""
        self._check(x, label)
        cond = self.time(time_embedding(t, self.time_width))  # (B, cond_width)
        if self.label is not None and label is not None:
            cond = cond + self.label(label)
        cond = F.silu(cond)
        h, skips = self.enter(x), []
        for level, block in enumerate(self.down):
            h = block(F.avg_pool2d(h, 2) if level else h, cond)
            skips.append(h)
        h = self.middle(h, cond)
        for block in self.up:
            skip = skips.pop()
            if h.shape[-1] != skip.shape[-1]:
                h = F.interpolate(h, scale_factor=2.0, mode="nearest")
            h = block(torch.cat([h, skip], dim=1), cond)
        return self.leave(h)

    def _check(self, x: Tensor, label: Tensor | None) -> None:
        factor = 2 ** (len(self.down) - 1)
        if x.ndim != 4 or x.shape[-1] % factor or x.shape[-2] % factor:
            raise ValueError(
                f"images must have shape (B, C, H, W) with sides divisible by {factor}; got "
                f"{tuple(x.shape)}. Pad the image or use fewer widths."
            )
        if label is not None and self.label is None:
            raise ValueError("got labels, but this U-Net has none. Build it with num_classes=10.")
