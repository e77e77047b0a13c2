"""Data cut into tokens and put together again: images, sounds, clips, clouds of points.

One transformer serves them all, because all four are arrays that are cut into equal blocks. What a
token is differs: a square of an image, a stretch of a sound, a piece of space and time, one point.

Letters: B batch, T tokens, K numbers in a token.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_utils.diffusion.inputs import check_floating
from course_utils.layers import check_sizes


class Tokens:
    """Cuts arrays of one shape into equal blocks, in reading order, and joins them again.

    Args:
        shape: of one example, such as (1, 16, 16).
        block: of one token, such as (1, 2, 2); each side divides that of `shape`.
        what: the name of such data in errors.
        ordered: False for a set, whose tokens have no places: a network must not number them.
        remedy: what to do about data of another shape.

    Attributes:
        count: T, tokens of an example.
        size: K, numbers in a token.

    Raises:
        ValueError: a side is no whole number from 1 up, or is not divisible by its block.

    Source: Dosovitskiy et al. 2021 (patches of images), arXiv:2010.11929; blocks of space and time
    as in Arnab et al. 2021 (ViViT), section 3.2, arXiv:2103.15691.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        block: tuple[int, ...],
        *,
        what: str = "examples",
        ordered: bool = True,
        remedy: str = "Build the network with their shape.",
    ) -> None:
        if not shape or len(shape) != len(block):
            raise ValueError(f"block must have a side for each of {shape}; got {block}.")
        for sides in (shape, block):
            for side in sides:
                check_sizes(side=side)
        for side, part in zip(shape, block, strict=True):
            if side % part:
                raise ValueError(
                    f"each side of {what} must be divisible by that of a token; got {side} and "
                    f"{part}, for tokens {block} of {shape}. Pad {what} to {side + -side % part}."
                )
        self.shape, self.block = tuple(shape), tuple(block)
        self.what, self.ordered, self.remedy = what, ordered, remedy
        self.grid = tuple(side // part for side, part in zip(shape, block, strict=True))
        self.count, self.size = math.prod(self.grid), math.prod(block)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.what} {self.shape} in blocks {self.block})"

    def waves(self, width: int) -> Tensor:
        """(T, width) where each token is, as sines and cosines of its place along each axis.

        The slowest makes half a turn over the whole axis, the fastest one in two tokens. What
        cannot be shared out evenly among the axes stays 0, and so does the place of a single token.

        Raises:
            ValueError: the width is below 2 for each axis, so that some places would look alike.

        Source: Vaswani et al. 2017, section 3.5, arXiv:1706.03762; a share of the width for each
        axis as in Peebles & Xie 2023, arXiv:2212.09748, whose code has them fixed.
        """
        long = [count for count in self.grid if count > 1]
        if width < 2 * len(long):
            raise ValueError(f"width must be at least 2 for each of {len(long)} axes; got {width}.")
        waves = torch.zeros(self.count, width)
        if not long:
            return waves
        places = torch.cartesian_prod(*[torch.arange(count) / count for count in long])
        share = width // (2 * len(long))  # frequencies of an axis
        for axis, count in enumerate(long):
            turns = torch.logspace(-1, math.log2(count / 2), share, base=2)  # of the whole axis
            angle = 2 * math.pi * places.view(self.count, -1)[:, axis, None] * turns
            first = 2 * share * axis
            waves[:, first : first + 2 * share] = torch.cat([angle.sin(), angle.cos()], dim=1)
        return waves

    def cut(self, x: Tensor) -> Tensor:
        """Cut x (B, *shape) into tokens (B, T, K).

        Raises:
            ValueError: x has another shape, or is not floating point.
        """
        self.check(x)
        axes = range(len(self.shape))
        sides = [n for pair in zip(self.grid, self.block, strict=True) for n in pair]
        parts = x.reshape(len(x), *sides)  # (B, n, k, n, k, ...)
        order = [1 + 2 * axis for axis in axes] + [2 + 2 * axis for axis in axes]
        return parts.permute(0, *order).reshape(len(x), self.count, self.size)

    def join(self, tokens: Tensor) -> Tensor:
        """Put tokens (B, T, K) together again: (B, *shape).

        Raises:
            ValueError: there are more or fewer tokens, or they are of another size.
        """
        if tokens.shape[1:] != (self.count, self.size):
            raise ValueError(
                f"{self.what} {self.shape} are joined from tokens (B, {self.count}, {self.size}); "
                f"got {tuple(tokens.shape)}."
            )
        num_axes = len(self.shape)
        parts = tokens.reshape(len(tokens), *self.grid, *self.block)
        order = [1 + axis + half for axis in range(num_axes) for half in (0, num_axes)]
        return parts.permute(0, *order).reshape(len(tokens), *self.shape)

    def check(self, x: Tensor) -> None:
        """Raise ValueError unless x is a batch of such examples."""
        if x.shape[1:] != self.shape or not x.ndim:
            expected = ", ".join(map(str, ("B", *self.shape)))
            raise ValueError(
                f"{self.what} must have shape ({expected}); got {tuple(x.shape)}. {self.remedy}"
            )
        check_floating(x, self.what)


class Patches(Tokens):
    """Images (B, C, S, S) as squares of P x P pixels, row by row.

    Args:
        channels: C, at least 1.
        side: S, height and width.
        patch: P, divides S. Cost grows with (S / P)^2, and that of attention with its square.
    """

    def __init__(self, channels: int = 1, side: int = 16, patch: int = 2) -> None:
        super().__init__(
            (channels, side, side),
            (channels, patch, patch),
            what="images",
            remedy="Build the network with Patches of their channels and side.",
        )


class Frames(Tokens):
    """Sounds (B, T) as stretches of equal length.

    Args:
        samples: T, such as 0.128 s at 8,000 samples a second = 1,024.
        frame: samples in a token; divides T.
    """

    def __init__(self, samples: int = 1024, frame: int = 32) -> None:
        super().__init__(
            (samples,),
            (frame,),
            what="sounds",
            remedy="Cut or pad them to this length. At another sample rate a tone of the same "
            "seconds has another length, and another pitch here: resample it first.",
        )


class Clip(Tokens):
    """Clips (B, F, C, S, S) as pieces of space and time: P x P pixels over a few frames.

    Args:
        frames: F, the length of a clip.
        side: S, height and width of a frame.
        patch: P, divides S.
        span: frames that a token covers; divides F.
        channels: C.
    """

    def __init__(
        self, frames: int = 8, side: int = 16, patch: int = 4, span: int = 2, channels: int = 1
    ) -> None:
        super().__init__(
            (frames, channels, side, side),
            (span, channels, patch, patch),
            what="clips",
            remedy=f"This network has learned {frames} frames: cut longer clips, or build it with "
            "Clip of their length.",
        )


class Points(Tokens):
    """Clouds (B, N, D) of points: a point a token, and no places, for a cloud has no order.

    Args:
        count: N, points of a cloud.
        dimensions: D, coordinates of a point.
    """

    def __init__(self, count: int = 128, dimensions: int = 3) -> None:
        super().__init__(
            (count, dimensions),
            (1, dimensions),
            what="clouds",
            ordered=False,
            remedy="Draw that many points of each cloud, or build the network with Points of "
            "their number: its weights fit every number.",
        )
