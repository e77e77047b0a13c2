"""How a thing moves through a clip, and what it is. Letters: B clips, F frames, H W image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import conv2d


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
    def flicker(self) -> Tensor:
        """(B,) standard deviation of the ink over the frames / its mean; nan if there is none.

        It tells the amount and not the shape: a digit that turns into another of equal ink does not
        flicker. For that see `likeness`.
        """
        return self.ink.std(dim=1) / self.ink.mean(dim=1)


def track(frames: Tensor, *, threshold: float = 0.2) -> Motion:
    """Track the centre of the ink, and fit a straight line at constant speed to its places.

    Args:
        frames: (B, F, 1, H, W) in [-1, 1] with ink at 1, F >= 3.
        threshold: ink below it counts as none, so that a faint haze over all of the frame does not
            pull the centre to the middle; from 0 to below 1, as a share of full ink.

    Raises:
        ValueError: the shape, the type or the threshold is wrong.
    """
    if frames.ndim != 5 or frames.shape[1] < 3 or frames.shape[2] != 1:
        raise ValueError(
            "frames must have shape (B, F, 1, H, W) with F >= 3: two places always lie on a line; "
            f"got {tuple(frames.shape)}."
        )
    if not frames.is_floating_point():
        raise ValueError(f"frames must be floating point in [-1, 1]; got {frames.dtype}.")
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


def likeness(frames: Tensor, shapes: Tensor) -> Tensor:
    """How like each frame is to each of some shapes, wherever in the frame the shape stands.

    The cosine of the frame's ink and the shape's, at the place where it is largest: 1 for the shape
    itself, amid nothing else. Between two pixels a shape is blurred, and a little below 1.

    Args:
        frames: (B, F, 1, H, W) in [-1, 1] with ink at 1.
        shapes: (K, 1, D, D) in [-1, 1], D at most H and W, each with some ink.

    Returns:
        (B, F, K) from 0 to 1; nan for a frame without ink.

    Raises:
        ValueError: a shape of a tensor is wrong, or one of the shapes is blank.

    Source: normalised cross-correlation, as in template matching.
    """
    if (
        frames.ndim != 5
        or frames.shape[2] != 1
        or shapes.ndim != 4
        or shapes.shape[1] != 1
        or max(shapes.shape[2:]) > min(frames.shape[3:])
    ):
        raise ValueError(
            "frames must have shape (B, F, 1, H, W) and shapes (K, 1, D, D), no larger than a "
            f"frame; got {tuple(frames.shape)} and {tuple(shapes.shape)}."
        )
    ink, kinds = (((x.double().cpu() + 1) / 2).clamp(0, 1) for x in (frames.flatten(0, 1), shapes))
    size = kinds.flatten(1).norm(dim=1)  # (K,)
    if not bool((size > 0).all()):
        raise ValueError("each shape needs some ink; one of them is blank.")
    found = conv2d(ink, kinds).amax((2, 3)) / size  # (B F, K)
    return (found / ink.flatten(1).norm(dim=1, keepdim=True)).view(*frames.shape[:2], len(shapes))
