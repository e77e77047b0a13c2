"""A small U-Net for images. Letters: B batch, C H W image."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.diffusion.inputs import (
    check_floating,
    check_labels,
    check_one_condition,
    embed_labels,
)
from course_utils.layers import Look, TextReader, check_sizes, read_text, time_embedding, zero


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with a skip; the condition scales and shifts between them.

    It starts as its skip plus a constant, the random bias of `conv2`, whose weights start at zero:
    a deep net trains at once.

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
        nn.init.zeros_(self.conv2.weight)
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
        channels: C of the image, at least 1.
        widths: channels at each resolution, from the finest; each a multiple of 8.
        num_classes: 0 for none; otherwise labels 0 ... num_classes - 1 can be given as
            `cond`, and -1 for an example of which none is known.
        text: a text encoder; `cond` then is int64 tokens (B, L), -1 where there is no word.
        look: True lets the places of all levels but the finest look at the words of the text;
            False leaves them the one vector of the whole text.
        num_heads: of these looks; divides all widths.

    Image sides must be divisible by 2^(len(widths) - 1).

    Raises:
        ValueError: a size is outside its range.

    Source: Ronneberger et al. 2015, arXiv:1505.04597; with time as in Ho et al. 2020.
    """

    edges = ("enter", "leave")  # not hidden: `training.muon` leaves them to AdamW

    def __init__(
        self,
        channels: int = 1,
        widths: tuple[int, ...] = (32, 64, 96),
        num_classes: int = 0,
        *,
        text: TextReader | None = None,
        look: bool = True,
        num_heads: int = 4,
    ) -> None:
        super().__init__()
        check_sizes(channels=channels)
        check_one_condition(num_classes, text)
        if not widths or any(width < 8 or width % 8 for width in widths):
            raise ValueError(f"widths must be multiples of 8, at least one of them; got {widths}.")
        self.channels = channels
        self.time_width, cond_width = widths[0], 4 * widths[0]
        self.time = nn.Sequential(
            nn.Linear(self.time_width, cond_width), nn.SiLU(), nn.Linear(cond_width, cond_width)
        )
        self.label = nn.Embedding(num_classes, cond_width) if num_classes else None
        self.text = text
        self.vector = zero(nn.Linear(text.width, cond_width)) if text is not None else None
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
        coarse = [*widths[1:], *reversed(widths[:-1])] if look else []
        self.looks = nn.ModuleList(
            Look(width, text.width, num_heads) for width in coarse if text is not None
        )

    def forward(self, x: Tensor, t: Tensor, cond: Tensor | None = None) -> Tensor:
        """Map x (B, C, H, W), times t (B,), and labels (B,) or texts (B, L), to (B, C, H, W).

        Raises:
            ValueError: images, labels or texts do not suit this network.
        """
        text = read_text(self.text, cond, len(x))
        self._check(x, cond if text is None else None)
        time = time_embedding(t, self.time_width, dtype=self.enter.weight.dtype)
        if text is None or self.vector is None:
            known = embed_labels(self.label, cond)
        else:
            known = self.vector(text.vector)
        level_cond = F.silu(self.time(time) + known)  # (B, cond_width)
        looks = iter(self.looks)
        h, skips = self.enter(x), []
        for level, block in enumerate(self.down):
            h = block(F.avg_pool2d(h, 2) if level else h, level_cond)
            if level and self.looks:
                h = next(looks)(h, text)
            skips.append(h)
        h = self.middle(h, level_cond)
        for level, block in enumerate(self.up):
            h = F.interpolate(h, scale_factor=2.0, mode="nearest") if level else h
            h = block(torch.cat([h, skips.pop()], dim=1), level_cond)
            if self.looks and level < len(self.up) - 1:
                h = next(looks)(h, text)
        return self.leave(h)

    def _check(self, x: Tensor, label: Tensor | None) -> None:
        factor = 2 ** (len(self.down) - 1)
        if x.shape[1:2] != (self.channels,) or x.ndim != 4 or any(n % factor for n in x.shape[2:]):
            raise ValueError(
                f"images must have shape (B, {self.channels}, H, W) with sides divisible by "
                f"{factor}; got {tuple(x.shape)}. Pad the images, or build the U-Net with their "
                "channels or with fewer widths."
            )
        check_floating(x, "images")
        check_labels(label, 0 if self.label is None else self.label.num_embeddings, len(x))
