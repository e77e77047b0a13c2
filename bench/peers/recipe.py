"""What the recipe, the optimizer and the code of the course buy for images, each taken away alone.

Peers' networks, as small as ours and asked as ours is, net(x, t, label) with t in [0, 1], are
trained by the whole recipe of the course: predicts v, the cosine schedule, stratified times, Muon,
batches of 32, a rate that falls to zero. Ours is trained with AdamW instead. `text_recipe` does the
same for text.
"""

from __future__ import annotations

from functools import partial

from torch import Tensor

from course_utils import training
from peers import stub_torchvision
from peers.borrowed import Borrowed
from peers.networks import NUM_CLASSES, diffusers_unet, lucidrains_unet, smalldiffusion_unet
from peers.ours import WIDTHS, Painter


class DiffusersNet(Borrowed):
    """UNet2DModel, as wide as ours."""

    def __init__(self, conditional: bool) -> None:
        super().__init__(diffusers_unet(WIDTHS, conditional), "conv_in", "conv_out")

    def forward(self, x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        return self.net(x, 1000 * t, class_labels=label).sample


class SmallDiffusionNet(Borrowed):
    """smalldiffusion's Unet, as narrow as it can be; told the time, as there is no sigma here."""

    def __init__(self, conditional: bool) -> None:
        stub_torchvision.install()
        from smalldiffusion.model import CondEmbedderLabel, SigmaEmbedderSinCos

        # Neither labels nor activations are dropped in training, as none are in ours.
        net = smalldiffusion_unet(
            (1, 1, 1),
            dropout=0.0,
            sig_embed=SigmaEmbedderSinCos(128, 1.0, log_scale=False),
            cond_embed=CondEmbedderLabel(128, NUM_CLASSES, 0.0) if conditional else None,
        )
        super().__init__(net, "conv_in", "out_layer")

    def forward(self, x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        return self.net(x, 3 * t, cond=label)  # sin and cos of 3 t tell all times apart


class LucidrainsNet(Borrowed):
    """Unet of denoising-diffusion-pytorch, 16 wide at full resolution."""

    def __init__(self, conditional: bool) -> None:
        super().__init__(lucidrains_unet((1, 2, 2), conditional, 0.0), "init_conv", "final_conv")

    def forward(self, x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        return self.net(x, 1000 * t) if label is None else self.net(x, 1000 * t, label)


# The rate was the best of 2e-3, 4e-3, 8e-3 and 1.6e-2 after 25 CPU s on a tuning seed.
WITH_ADAMW = {"ours, AdamW": partial(Painter, optimizer=training.adamw, learning_rate=8e-3)}
TAUGHT = {
    "diffusers, our recipe": partial(Painter, network=DiffusersNet),
    "smalldiffusion, our recipe": partial(Painter, network=SmallDiffusionNet),
    "denoising-diffusion-pytorch, our recipe": partial(Painter, network=LucidrainsNet),
}
