"""The recipes of the course, asked the same questions as the peers."""

from __future__ import annotations

from collections.abc import Callable

import torch
from frame.turns import Same
from torch import Tensor, nn
from torch.optim import Optimizer

from course_utils import diffusion, language, training
from peers.networks import NUM_CLASSES

WIDTHS = (16, 24, 32)  # channels of the U-Net, from full resolution down


def unet(conditional: bool) -> nn.Module:
    """The U-Net of lesson 02."""
    return diffusion.UNet(widths=WIDTHS, num_classes=NUM_CLASSES * conditional)


class Painter:
    """The recipe of lesson 02: predicts v, stratified times, Muon, a rate that falls to zero.

    Args:
        conditional: whether it is given labels.
        network: makes the network from that; called as net(x, t) or net(x, t, label).
        optimizer: makes the optimizer from model and rate.
        learning_rate: the peak.
    """

    batch_size = 32

    def __init__(
        self,
        conditional: bool,
        network: Callable[[bool], nn.Module] = unet,
        optimizer: Callable[[nn.Module, float], Optimizer] = training.muon,
        learning_rate: float = 0.02,
    ) -> None:
        self.net = network(conditional)
        self.model = diffusion.Denoiser(self.net, diffusion.Cosine(), "v")
        self.share = 0.0
        self.stream = Same(None)  # `step` puts each batch in
        self.steps = training.train_steps(
            self.model,
            self.stream,
            diffusion.denoising_loss,
            num_steps=10**9,
            optimizer=optimizer(self.model, learning_rate),
            lr_schedule=lambda _: training.warmup_cosine(min(self.share, 1.0)),
        )

    def step(self, images: Tensor, labels: Tensor | None, share: float) -> None:
        """One training step on images (B, 1, 16, 16) when `share` of the budget is spent."""
        self.share = share
        self.stream.batch = (images,) if labels is None else (images, labels)
        next(self.steps)

    def eps(self, x_t: Tensor, alpha_bar: float, labels: Tensor | None) -> Tensor:
        """The noise in x_t = sqrt(alpha_bar) x0 + sqrt(1 - alpha_bar) eps."""
        grid = torch.linspace(0, 1, 100_001, dtype=torch.float64)
        t = float(grid[(self.model.schedule.alpha_bar(grid) - alpha_bar).abs().argmin()])
        return self.model(x_t, x_t.new_full((len(x_t),), t), labels).eps_hat


def gpt(vocab_size: int, context_length: int) -> nn.Module:
    """The GPT of the course: two layers, two heads, width 176."""
    return language.GPT(language.GPTConfig(vocab_size, context_length=context_length))


class Writer:
    """The recipe of the course for text: Muon, a rate that falls to zero, batches of 8 x 128.

    Args:
        vocab_size, context_length: of the network.
        network: makes the network from both; called as net(tokens) -> logits.
        optimizer: makes the optimizer from model and rate.
        learning_rate: the peak.
    """

    batch_size = 8

    def __init__(
        self,
        vocab_size: int,
        context_length: int = 128,
        network: Callable[[int, int], nn.Module] = gpt,
        optimizer: Callable[[nn.Module, float], Optimizer] = training.muon,
        learning_rate: float = 0.05,
    ) -> None:
        self.net = network(vocab_size, context_length)
        self.share = 0.0
        self.stream = Same(None)  # `step` puts each batch in
        self.steps = training.train_steps(
            self.net,
            self.stream,
            language.next_token_loss,
            num_steps=10**9,
            optimizer=optimizer(self.net, learning_rate),
            lr_schedule=lambda _: training.warmup_cosine(min(self.share, 1.0)),
        )

    def step(self, windows: Tensor, share: float) -> None:
        """One training step on windows (B, T + 1) when `share` of the budget is spent."""
        self.share = share
        self.stream.batch = (windows,)
        next(self.steps)

    def logits(self, tokens: Tensor) -> Tensor:
        """(B, T, V) for tokens (B, T)."""
        return self.net(tokens)
