"""Instruments: what the course measures with, for models and samples of any family."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def correlation(a: Tensor, b: Tensor) -> float:
    """Pearson correlation of two tensors of one shape, over all their entries; in [-1, 1]."""
    if a.shape != b.shape:
        raise ValueError(f"both must have one shape; got {tuple(a.shape)} and {tuple(b.shape)}.")
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])


def energy_distance(x: Tensor, y: Tensor) -> float:
    """Distance between two distributions from samples: 2 E|x - y| - E|x - x'| - E|y - y'|.

    It is 0 only when the distributions are equal, and needs no network to compute. This is the
    unbiased estimate, so samples of one distribution give about 0, sometimes just below.

    Args:
        x: (N, ...) samples, N >= 2.
        y: (M, ...) samples of the same shape, M >= 2.

    Returns:
        The distance, in units of x.

    Source: Szekely & Rizzo 2013, "Energy statistics: a class of statistics based on distances".
    """
    if min(len(x), len(y)) < 2 or x.shape[1:] != y.shape[1:]:
        raise ValueError(
            "x and y must be two or more samples each, of one shape; got "
            f"{tuple(x.shape)} and {tuple(y.shape)}."
        )
    x, y = x.flatten(1), y.flatten(1)
    within = sum(distances(z, z).sum().item() / (len(z) * (len(z) - 1)) for z in (x, y))
    return 2 * distances(x, y).mean().item() - within


def distances(x: Tensor, y: Tensor) -> Tensor:
    """(N, M) Euclidean distances of x (N, D) and y (M, D), exact for equal points.

    torch's faster way, by a matrix product, loses small distances between far-out points.
    """
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


def share_near(points: Tensor, centres: Tensor, radius: float) -> float:
    """Share of points (N, D) that lie within `radius` of one of the centres (K, D)."""
    return (distances(points, centres).amin(1) <= radius).float().mean().item()


def entropy(probs: Tensor) -> Tensor:
    """Entropy -sum p log p over the last axis, in nats; (..., V) -> (...)."""
    return torch.special.entr(probs).sum(-1)


def count_parameters(model: nn.Module) -> int:
    """Number of trainable weights."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


@torch.no_grad()
def forward_flops(model: Callable[..., Any], *inputs: Any) -> int:
    """Floating-point operations of one call model(*inputs), as torch counts them."""
    from torch.nn.attention import SDPBackend, sdpa_kernel  # both are slow to import
    from torch.utils.flop_counter import FlopCounterMode

    # torch counts nothing for the CPU's fused attention, so attention is taken apart here.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(*inputs)
    return int(counter.get_total_flops())


@dataclass
class Calls:
    """A running count of model calls."""

    count: int = 0


@contextmanager
def counted_calls(model: nn.Module) -> Iterator[Calls]:
    """Count how often a model is called inside the block: the latency of both families."""
    calls = Calls()

    def note(module: nn.Module, inputs: Any) -> None:
        calls.count += 1

    hook = model.register_forward_pre_hook(note)
    try:
        yield calls
    finally:
        hook.remove()


class Judge(nn.Module):
    """A small convolutional classifier of digits: the instrument that says whether one is legible.

    Args:
        side: height and width of the images, divisible by 4.
        num_classes: labels it knows.

    Attributes:
        features: (B, 1, H, W) images -> (B, 64) what it looks at.
    """

    def __init__(self, side: int = 16, num_classes: int = 10) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(32 * (side // 4) ** 2, 64),
            nn.ReLU(),
        )
        self.classify = nn.Linear(64, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, num_classes) of images (B, 1, H, W)."""
        return self.classify(self.features(images))

    @torch.no_grad()
    def distance(self, x: Tensor, y: Tensor) -> float:
        """Energy distance of two sets of images (N, 1, H, W) in the judge's 64 features.

        Pixels hardly tell strokes from stray ink; what a classifier looks at does. The idea is that
        of Heusel et al. 2017 (FID), arXiv:1706.08500, with an unbiased distance and a network that
        can be trained in seconds.
        """
        return energy_distance(self.features(x), self.features(y))

    @torch.no_grad()
    def accuracy(self, images: Tensor, labels: Tensor) -> float:
        """Share of images (B, 1, H, W) whose likeliest class is their label (B,)."""
        return (self(images).argmax(1) == labels).float().mean().item()


def classification_loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Cross-entropy of (inputs, labels), in nats."""
    inputs, labels = batch
    return F.cross_entropy(model(inputs), labels)
