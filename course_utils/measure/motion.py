"""How a thing moves through a clip. Letters: B clips, F frames, H W image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Motion:
    """Where the ink of a clip is, and the line it moves on; made by `track`.

    Attributes:
        places: (B, F, 2) centre of the ink in pixels, to the right and downwards; nan in a frame
            without ink.
        velocity: (B, 2) of the straight line at constant speed that fits the places best.
        strays: (B,) root mean square distance of the places from that line, in pixels; nan where a
            frame has no ink.
        ink: (B, F) how much there is, in pixels of full ink.
    """

    places: Tensor
    velocity: Tensor
    strays: Tensor
    ink: Tensor

    @property
    def speed(self) -> Tensor:
        """(B,) pixels a frame. A clip that stands still strays nowhere: look at both."""
        return self.velocity.norm(dim=1)

    @property
    def steady(self) -> Tensor:
        """(B,) how little the ink changes: standard deviation over the frames / mean; nan if none.

        A digit that turns into another may still have its centre where it should be.
        """
        return self.ink.std(dim=1) / self.ink.mean(dim=1)


def track(frames: Tensor, *, threshold: float = 0.2) -> Motion:
    """Track the centre of the ink, and fit a straight line at constant speed to its places.

    Args:
        frames: (B, F, 1, H, W) in [-1, 1] with ink at 1, F >= 3.
        threshold: ink below it counts as none, so that a faint haze over all of the frame does not
            pull the centre to the middle; from 0 to below 1, as a share of full ink.

    Raises:
        ValueError: the shape or the threshold is wrong.
    """
    if frames.ndim != 5 or frames.shape[1] < 3 or frames.shape[2] != 1:
        raise ValueError(
            "frames must have shape (B, F, 1, H, W) with F >= 3: two places always lie on a line; "
            f"got {tuple(frames.shape)}."
        )
    if not 0 <= threshold < 1:
        raise ValueError(f"threshold must be at least 0 and below 1; got {threshold}.")
    ink = ((frames[:, :, 0].double().cpu() + 1) / 2).clamp(0, 1)  # (B, F, H, W)
    ink = torch.where(ink >= threshold, ink, 0.0)
    total = ink.sum((2, 3))  # (B, F)
    across = (ink.sum(2) * torch.arange(ink.shape[3])).sum(2) / total
    down = (ink.sum(3) * torch.arange(ink.shape[2])).sum(2) / total
    places = torch.stack([across, down], dim=2)  # (B, F, 2)
    time = torch.arange(frames.shape[1], dtype=torch.float64)
    time = (time - time.mean())[None, :, None]
    velocity = (time * places).sum(1) / time.square().sum()
    line = places.mean(1, keepdim=True) + time * velocity[:, None]
    strays = (places - line).square().sum(2).mean(1).sqrt()
    return Motion(places, velocity, strays, total)
