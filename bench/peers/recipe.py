"""What the recipe, the optimizer and the code of the course buy, each taken away alone.

Peers' networks, as small as ours, are trained by the whole recipe of the course: predicts v, the
cosine schedule, stratified times, Muon, batches of 32, a rate that falls to zero. Ours is trained
with AdamW instead. All answer as `Painter` does.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from course_utils import training
from course_utils.diffusion import Denoiser
from peers import stub_torchvision
from peers.ours import NUM_CLASSES, Painter


class AdamWPainter(Painter):
    """Ours with AdamW at 4e-3; no search over rates has been made for it."""

    learning_rate = 4e-3

    def optimizer(self, model: Denoiser) -> Optimizer:
        return training.adamw(model, self.learning_rate)


class Borrowed(nn.Module):
    """A peer's network asked as ours is: net(x, t, label), t in [0, 1].

    Args:
        net: the network.
        enter, leave: names of its first and its last layer, which Muon leaves to AdamW.
    """

    edges = ("enter", "leave")

    def __init__(self, net: Any, enter: str, leave: str) -> None:
        super().__init__()
        self.net = net
        self._enter, self._leave = enter, leave

    @property
    def enter(self) -> nn.Module:
        """The layer that reads the image."""
        return getattr(self.net, self._enter)

    @property
    def leave(self) -> nn.Module:
        """The layer that gives the answer."""
        return getattr(self.net, self._leave)


class DiffusersNet(Borrowed):
    """UNet2DModel, as wide as ours: one layer a block, no attention."""

    def __init__(self, conditional: bool) -> None:
        from diffusers import UNet2DModel

        net = UNet2DModel(
            sample_size=16,
            in_channels=1,
            out_channels=1,
            block_out_channels=Painter.widths,
            layers_per_block=1,
            norm_num_groups=8,
            down_block_types=("DownBlock2D",) * 3,
            up_block_types=("UpBlock2D",) * 3,
            num_class_embeds=NUM_CLASSES if conditional else None,
        )
        super().__init__(net, "conv_in", "conv_out")

    def forward(self, x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        return self.net(x, 1000 * t, class_labels=label).sample


class SmallDiffusionNet(Borrowed):
    """Unet, 32 wide at all levels: its norms have 32 groups, so no width can be smaller."""

    def __init__(self, conditional: bool) -> None:
        stub_torchvision.install()
        import smalldiffusion

        # No label is dropped in training, as none is for ours; nor are activations.
        embed = smalldiffusion.CondEmbedderLabel(128, NUM_CLASSES, 0.0) if conditional else None
        net = smalldiffusion.Unet(
            16,
            1,
            1,
            ch=32,
            ch_mult=(1, 1, 1),
            num_res_blocks=1,
            attn_resolutions=(),
            dropout=0.0,
            sig_embed=smalldiffusion.model.SigmaEmbedderSinCos(128, 1.0, log_scale=False),
            cond_embed=embed,
        )
        super().__init__(net, "conv_in", "out_layer")

    def forward(self, x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        return self.net(x, 3 * t, cond=label)  # sin and cos of 3 t tell all times apart


class LucidrainsNet(Borrowed):
    """Unet of denoising-diffusion-pytorch, 16 wide at full resolution; its attention stays."""

    def __init__(self, conditional: bool) -> None:
        stub_torchvision.install()
        if conditional:
            from denoising_diffusion_pytorch.classifier_free_guidance import Unet

            net = Unet(16, NUM_CLASSES, dim_mults=(1, 2, 2), channels=1, cond_drop_prob=0.0)
        else:
            from denoising_diffusion_pytorch import Unet

            net = Unet(16, dim_mults=(1, 2, 2), channels=1)
        super().__init__(net, "init_conv", "final_conv")

    def forward(self, x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        return self.net(x, 1000 * t) if label is None else self.net(x, 1000 * t, label)


class DiffusersPainter(Painter):
    """UNet2DModel by our recipe."""

    def build(self, conditional: bool) -> nn.Module:
        return DiffusersNet(conditional)


class SmallDiffusionPainter(Painter):
    """smalldiffusion's Unet by our recipe."""

    def build(self, conditional: bool) -> nn.Module:
        return SmallDiffusionNet(conditional)


class LucidrainsPainter(Painter):
    """denoising-diffusion-pytorch's Unet by our recipe."""

    def build(self, conditional: bool) -> nn.Module:
        return LucidrainsNet(conditional)


TAUGHT = {
    "diffusers": DiffusersPainter,
    "smalldiffusion": SmallDiffusionPainter,
    "denoising-diffusion-pytorch": LucidrainsPainter,
}
