"""Clips of moving digits. Letters: N clips, F frames, S pixels on a side, D of a digit."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad


class Clips(NamedTuple):
    """Frames (N, F, 1, S, S), float32 in [-1, 1] with ink at 1; velocities (N, 2), labels (N,).

    A velocity is in pixels a frame, to the right and downwards.
    """

    frames: Tensor
    velocities: Tensor
    labels: Tensor


def moving_digits(
    images: Tensor,
    labels: Tensor,
    num_clips: int,
    *,
    num_frames: int = 8,
    side: int = 16,
    generator: torch.Generator,
) -> Clips:
    """Let digits cross a larger frame on straight lines, each at its own constant velocity.

    The way begins and ends anywhere inside the frame, and is at least half as long as the free
    space is wide. Between pixels a digit is drawn by bilinear interpolation, which keeps its ink
    and moves the centre of its ink by exactly what it is told.

    Args:
        images: (M, 1, D, D) digits in [-1, 1], such as `load_digits(10).train.images`.
        labels: (M,) what they are.
        num_clips: N; each shows a random one of the digits.
        num_frames: F, at least 2.
        side: S, larger than D.
        generator: on the CPU.

    Returns:
        `Clips`.

    Raises:
        ValueError: a size is out of its range, or the digits are no floating point numbers.
    """
    free = side - images.shape[-1] if images.ndim == 4 else 0
    right = images.ndim == 4 and images.shape[1] == 1 and images.shape[2] == images.shape[3]
    if not right or free < 1 or not len(images) or labels.shape != images.shape[:1]:
        raise ValueError(
            f"expected digits (M, 1, D, D), M >= 1, smaller than {side} pixels and a label for "
            f"each; got {tuple(images.shape)} and {tuple(labels.shape)}."
        )
    if not images.is_floating_point():
        raise ValueError(f"digits must be floating point in [-1, 1]; got {images.dtype}.")
    if num_clips < 1:
        raise ValueError(f"num_clips must be at least 1; got {num_clips}.")
    if num_frames < 2:
        raise ValueError(f"num_frames must be at least 2, or nothing moves; got {num_frames}.")
    which = torch.randint(len(images), (num_clips,), generator=generator)
    start, stop = _ways(num_clips, free, generator)
    progress = torch.linspace(0, 1, num_frames)[None, :, None]
    places = start[:, None] + progress * (stop - start)[:, None]  # (N, F, 2)
    ink = (images[which] + 1) / 2
    frames = torch.stack([moved(ink, places[:, frame], side) for frame in range(num_frames)], dim=1)
    return Clips(2 * frames - 1, (stop - start) / (num_frames - 1), labels[which])


def moved(ink: Tensor, places: Tensor, side: int) -> Tensor:
    """Draw ink (N, 1, D, D) into frames (N, 1, S, S), its corner at places (N, 2) from 0 to S - D.

    A place between pixels shares the ink out among four, by the bilinear weights.
    """
    size = ink.shape[-1]
    whole = places.floor().clamp(0, side - size - 1)
    part = (places - whole)[:, :, None, None, None]  # (N, 2, 1, 1, 1)
    x, y = part[:, 0], part[:, 1]
    room = pad(ink, (0, 1, 0, 1))  # a column and a row for what is moved by part of a pixel
    along = (1 - x) * room + x * room.roll(1, dims=3)
    shared = (1 - y) * along + y * along.roll(1, dims=2)  # (N, 1, D + 1, D + 1)
    left, top = whole.long().unbind(1)
    steps = torch.arange(size + 1)
    rows = (top[:, None] + steps)[:, None, :, None]
    columns = (left[:, None] + steps)[:, None, None, :]
    frames = ink.new_zeros(len(ink), 1, side, side)
    frames[torch.arange(len(ink))[:, None, None, None], 0, rows, columns] = shared
    return frames


def _ways(num: int, free: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Starts and ends (N, 2) of ways that are at least half as long as the free space is wide."""
    start, stop = free * torch.rand(2, num, 2, generator=generator)
    while bool((short := (stop - start).norm(dim=1) < free / 2).any()):
        again = free * torch.rand(2, int(short.sum()), 2, generator=generator)
        start[short], stop[short] = again
    return start, stop
