"""The U-Nets of the image peers, each built by its own library. Images are (B, 1, 16, 16)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from peers import stub_torchvision

NUM_CLASSES = 10


def diffusers_unet(widths: Sequence[int], conditional: bool) -> nn.Module:
    """UNet2DModel: one layer a block, no attention; `widths` are multiples of 8."""
    from diffusers import UNet2DModel

    return UNet2DModel(
        sample_size=16,
        in_channels=1,
        out_channels=1,
        block_out_channels=tuple(widths),
        layers_per_block=1,
        norm_num_groups=8,
        down_block_types=("DownBlock2D",) * len(widths),
        up_block_types=("UpBlock2D",) * len(widths),
        num_class_embeds=NUM_CLASSES if conditional else None,
    )


def smalldiffusion_unet(
    multiples: Sequence[int], dropout: float, kind: Any = None, **embeddings: Any
) -> nn.Module:
    """Unet, or a `kind` of it, 32 times `multiples` wide: its norms have 32 groups."""
    stub_torchvision.install()
    import smalldiffusion

    return (kind or smalldiffusion.Unet)(
        16,
        1,
        1,
        ch=32,
        ch_mult=tuple(multiples),
        num_res_blocks=1,
        attn_resolutions=(),
        dropout=dropout,
        **embeddings,
    )


def lucidrains_unet(multiples: Sequence[int], conditional: bool, drop: float) -> nn.Module:
    """Unet of denoising-diffusion-pytorch, 16 times `multiples` wide, with its attention.

    With classes it is another one, which leaves out a share `drop` of them in training.
    """
    stub_torchvision.install()
    if conditional:
        from denoising_diffusion_pytorch.classifier_free_guidance import Unet

        return Unet(16, NUM_CLASSES, dim_mults=tuple(multiples), channels=1, cond_drop_prob=drop)
    from denoising_diffusion_pytorch import Unet

    return Unet(16, dim_mults=tuple(multiples), channels=1)
