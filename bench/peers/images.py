"""Image peers: each library's own network, loss, optimizer and average, behind two questions.

Train a step; guess the noise at a share of data `alpha_bar`. Each recipe is the one of
the library's own example; what differs from it is the learning rate, which was picked for the
budget of this benchmark on a tuning seed (see docs/performance.md), and sizes for 16 x 16 images.

Letters: B batch. Images are (B, 1, 16, 16) in [-1, 1], labels (B,).
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.training import warmup_cosine
from peers import stub_torchvision
from peers.networks import NUM_CLASSES, diffusers_unet, lucidrains_unet, smalldiffusion_unet


class ImagePeer:
    """What the benchmark asks of an image model. `labels` is None for the unconditional one."""

    net: nn.Module
    batch_size: int

    def step(self, images: Tensor, labels: Tensor | None, share: float) -> None:
        """One training step when `share` of the budget is spent."""
        raise NotImplementedError

    def eps(self, x_t: Tensor, alpha_bar: float, labels: Tensor | None) -> Tensor:
        """The noise in x_t = sqrt(alpha_bar) x0 + sqrt(1 - alpha_bar) eps, by the average."""
        raise NotImplementedError


class Diffusers(ImagePeer):
    """UNet2DModel by the unconditional training example: AdamW, warm-up and cosine rate, EMA."""

    batch_size = 16

    def __init__(self, conditional: bool, learning_rate: float = 3e-3) -> None:
        from diffusers import DDPMScheduler
        from diffusers.training_utils import EMAModel

        self.net = self.build(conditional)
        self.noise = DDPMScheduler(num_train_timesteps=1000, beta_schedule="linear")
        self.optimizer = torch.optim.AdamW(
            self.net.parameters(), lr=learning_rate, betas=(0.95, 0.999), weight_decay=1e-6
        )
        self.learning_rate = learning_rate
        self.average = EMAModel(
            self.net.parameters(), decay=0.9999, use_ema_warmup=True, inv_gamma=1.0, power=0.75
        )
        self.averaged = copy.deepcopy(self.net)

    def build(self, conditional: bool) -> nn.Module:
        return diffusers_unet((32, 64, 64), conditional)

    def step(self, images: Tensor, labels: Tensor | None, share: float) -> None:
        set_rate(self.optimizer, self.learning_rate * warmup_cosine(share))
        noise = torch.randn_like(images)
        times = torch.randint(0, 1000, (len(images),))
        noisy = self.noise.add_noise(images, noise, times)
        loss = F.mse_loss(self.net(noisy, times, class_labels=labels).sample, noise)
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.average.step(self.net.parameters())

    def eps(self, x_t: Tensor, alpha_bar: float, labels: Tensor | None) -> Tensor:
        self.average.copy_to(self.averaged.parameters())
        time = (self.noise.alphas_cumprod - alpha_bar).abs().argmin()
        return self.averaged(x_t, time, class_labels=labels).sample


class SmallDiffusion(ImagePeer):
    """Unet by the Fashion-MNIST example: log-linear sigmas, AdamW at a constant rate, EMA 0.99."""

    batch_size = 16

    def __init__(self, conditional: bool, learning_rate: float = 1e-3) -> None:
        stub_torchvision.install()
        import smalldiffusion
        from ema_pytorch import EMA

        self.library = smalldiffusion
        embed = smalldiffusion.CondEmbedderLabel(128, NUM_CLASSES, 0.1) if conditional else None
        self.net = self.build(embed)
        self.schedule = smalldiffusion.ScheduleLogLinear(sigma_min=0.01, sigma_max=20, N=800)
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr=learning_rate)
        self.average = EMA(self.net, beta=0.99, update_after_step=10, update_every=1)

    def build(self, embed: nn.Module | None) -> nn.Module:
        scaled = self.library.Scaled(self.library.Unet)
        return smalldiffusion_unet((1, 2, 2), dropout=0.1, kind=scaled, cond_embed=embed)

    def step(self, images: Tensor, labels: Tensor | None, share: float) -> None:
        self.net.train()
        self.optimizer.zero_grad()
        batch = images if labels is None else (images, labels)
        x0, sigma, eps, cond = self.library.generate_train_sample(
            batch, self.schedule, conditional=labels is not None
        )
        self.net.get_loss(x0, sigma, eps, cond=cond).backward()
        self.optimizer.step()
        self.average.update()

    def eps(self, x_t: Tensor, alpha_bar: float, labels: Tensor | None) -> Tensor:
        model = self.average.ema_model.eval()
        sigma = torch.tensor((1 / alpha_bar - 1) ** 0.5)
        return model.predict_eps(x_t / alpha_bar**0.5, sigma, cond=labels)


class Lucidrains(ImagePeer):
    """denoising-diffusion-pytorch: its Trainer's Adam and EMA 0.995, predicting v."""

    batch_size = 16

    def __init__(self, conditional: bool, learning_rate: float = 3e-3) -> None:
        stub_torchvision.install()
        from ema_pytorch import EMA

        self.net = lucidrains_unet((1, 2, 4), conditional, drop=0.1)
        if conditional:
            from denoising_diffusion_pytorch.classifier_free_guidance import GaussianDiffusion

            self.diffusion = GaussianDiffusion(self.net, image_size=16, objective="pred_v")
        else:
            from denoising_diffusion_pytorch import GaussianDiffusion

            self.diffusion = GaussianDiffusion(self.net, image_size=16)
        self.optimizer = torch.optim.Adam(
            self.diffusion.parameters(), lr=learning_rate, betas=(0.9, 0.99)
        )
        self.average = EMA(self.diffusion, beta=0.995, update_every=10)

    def step(self, images: Tensor, labels: Tensor | None, share: float) -> None:
        self.diffusion.train()
        images = (images + 1) / 2
        extra = {} if labels is None else {"classes": labels}
        loss = self.diffusion(images, **extra)
        loss.backward()
        nn.utils.clip_grad_norm_(self.diffusion.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.average.update()

    def eps(self, x_t: Tensor, alpha_bar: float, labels: Tensor | None) -> Tensor:
        model = self.average.ema_model.eval()
        time = (model.alphas_cumprod - alpha_bar).abs().argmin().expand(len(x_t))
        if labels is None:
            v = model.model(x_t, time)
        else:
            v = model.model(x_t, time, labels, cond_drop_prob=0.0)
        return alpha_bar**0.5 * v + (1 - alpha_bar) ** 0.5 * x_t


class DiffusersTransformer(Diffusers):
    """DiTTransformer2DModel, which always has classes, by the recipe of the U-Net.

    Each of its layers embeds the time anew, so 120 wide it has the weights of the others at 128.
    Of the ways to split that into heads, 3 of 40 is the fastest.
    """

    def build(self, conditional: bool) -> nn.Module:
        from diffusers import DiTTransformer2DModel

        return DiTTransformer2DModel(
            num_attention_heads=3,
            attention_head_dim=40,
            in_channels=1,
            num_layers=4,
            sample_size=16,
            patch_size=2,
            num_embeds_ada_norm=NUM_CLASSES,
        )


class SmallDiffusionTransformer(SmallDiffusion):
    """DiT, by the recipe of the U-Net."""

    def build(self, embed: nn.Module | None) -> nn.Module:
        return self.library.Scaled(self.library.DiT)(
            in_dim=16,
            channels=1,
            patch_size=2,
            depth=4,
            head_dim=32,
            num_heads=4,
            cond_embed=embed,
        )


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every group of an optimizer this learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate


PEERS = {
    "diffusers": Diffusers,
    "smalldiffusion": SmallDiffusion,
    "denoising-diffusion-pytorch": Lucidrains,
}
# Only their speed is measured: no learning rate was picked for them.
TRANSFORMERS = {"diffusers": DiffusersTransformer, "smalldiffusion": SmallDiffusionTransformer}
