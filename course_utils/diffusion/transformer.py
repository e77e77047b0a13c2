"""A transformer for images. Letters: B batch, C H W image, P patch side, T tokens, D width."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.diffusion.inputs import check_floating, check_labels, embed_labels
from course_utils.layers import Block, check_sizes, modulate, time_embedding, zero


class DiT(nn.Module):
    """A small diffusion transformer: square patches as tokens, which all see each other.

    Args:
        channels: C of the image, at least 1.
        side: H and W of the image, at least 1.
        patch: P, divides `side`; cost grows with (H / P)^2, and attention with its square.
        width: D, even, at least 4, and divisible by `num_heads`.
        num_layers: number of blocks, at least 1.
        num_heads: attention heads of each, at least 1.
        num_classes: 0 for none; otherwise labels 0 ... num_classes - 1 can be given as
            `cond`, and -1 for an example of which none is known.

    Raises:
        ValueError: a size is out of its range, or `side` is not divisible by `patch`, or `width`
            by `num_heads`.

    Source: Peebles & Xie 2023, arXiv:2212.09748; positions are learned here, as in a ViT.
    """

    edges = ("enter", "leave")  # not hidden: `training.muon` leaves them to AdamW

    def __init__(
        self,
        channels: int = 1,
        side: int = 16,
        patch: int = 2,
        width: int = 128,
        num_layers: int = 4,
        num_heads: int = 4,
        num_classes: int = 0,
    ) -> None:
        super().__init__()
        check_sizes(channels=channels, side=side, patch=patch, num_layers=num_layers)
        check_sizes(0, num_classes=num_classes)
        if width < 4 or width % 2:
            raise ValueError(f"width must be even, at least 4; got {width}.")
        if side % patch:
            raise ValueError(
                f"side must be divisible by patch; got side={side}, patch={patch}. "
                f"Pad the images to side={side + -side % patch}."
            )
        self.image_shape, self.patch, self.width = (channels, side, side), patch, width
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.label = nn.Embedding(num_classes, width) if num_classes else None
        self.enter = nn.Linear(channels * patch**2, width)
        self.positions = nn.Parameter(0.02 * torch.randn((side // patch) ** 2, width))
        self.blocks = nn.ModuleList(
            Block(width, num_heads, causal=False, conditioned=True) for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulation = zero(nn.Linear(width, 2 * width))
        self.leave = zero(nn.Linear(width, channels * patch**2))

    def forward(self, x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        """Map x (B, C, H, W), times t (B,) and labels (B,), if any, to (B, C, H, W).

        Args:
            x: in the precision of the weights.
            t: float32 or float64, whatever x is.
            label: integers in 0 ... num_classes - 1; None says that nothing is known.

        Raises:
            ValueError: images or labels do not suit this network.
        """
        self._check(x, label)
        time = time_embedding(t, self.width, dtype=self.enter.weight.dtype)
        cond = F.silu(self.time(time) + embed_labels(self.label, label))  # (B, D)
        h = self.enter(to_patches(x, self.patch)) + self.positions  # (B, T, D)
        for block in self.blocks:
            h = block(h, cond)
        h = modulate(self.norm(h), *self.modulation(cond)[:, None].chunk(2, dim=-1))
        return from_patches(self.leave(h), self.patch)  # (B, C, H, W)

    def _check(self, x: Tensor, label: Tensor | None) -> None:
        if x.shape[1:] != self.image_shape:
            channels, side, _ = self.image_shape
            raise ValueError(
                f"images must have shape (B, {channels}, {side}, {side}); got {tuple(x.shape)}. "
                "Build the DiT with their channels and side."
            )
        check_floating(x, "images")
        check_labels(label, 0 if self.label is None else self.label.num_embeddings, len(x))


def to_patches(images: Tensor, patch: int) -> Tensor:
    """Cut images (B, C, H, W) into (B, T, C P^2) patches, row by row."""
    return F.pixel_unshuffle(images, patch).flatten(2).transpose(1, 2)


def from_patches(patches: Tensor, patch: int) -> Tensor:
    """Put patches (B, T, C P^2) of square images together again: (B, C, H, W)."""
    side = round(patches.shape[1] ** 0.5)
    return F.pixel_shuffle(patches.transpose(1, 2).unflatten(2, (side, side)), patch)
