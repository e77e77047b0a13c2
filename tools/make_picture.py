"""Draws docs/two_ways.png: both families generate on one clock, counted in model calls.

Both models are those of lessons 02 and 06, with the weights that the course ships.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

import torch
from torch import nn

from course_utils import data, diffusion, language
from course_utils.language import MLP, WordTokenizer
from course_utils.notebook import plots
from course_utils.notebook.plots.figures import png
from course_utils.training.checkpoint import load_checkpoint, write_atomically
from course_utils.training.run import part

ROOT = Path(__file__).resolve().parents[1]
CALLS = (1, 9, 17, 25, 33, 41)  # the rows of the picture; a story has about 41 words
SEED = 0


def shipped(model: nn.Module, name: str) -> nn.Module:
    """The model with the weights that the course ships under this name."""
    tensors, _ = load_checkpoint(ROOT / "course_utils" / "weights" / f"{name}.safetensors")
    model.load_state_dict(part(tensors, "model."))
    return model


def digits() -> torch.Tensor:
    """(rows, 5, 1, 16, 16): the digits 1 to 5 after each number of model calls."""
    net = diffusion.UNet(widths=(16, 24, 32), num_classes=10)
    painter = diffusion.Denoiser(net, diffusion.Cosine(), predicts="v")
    shipped(painter, "02_digits")
    generator = torch.Generator().manual_seed(SEED)
    steps = diffusion.sample(
        painter,
        (5, 1, 16, 16),
        num_steps=CALLS[-1],
        cond=torch.arange(1, 6),
        clip=1.0,
        generator=generator,
    )
    return torch.stack([step.state for step in steps if step.calls in CALLS])


def texts() -> list[str]:
    """The text after each number of model calls: one more word a call."""
    tokenizer = WordTokenizer.train("".join(data.stories().sample(10_000, seed=SEED)))
    model = MLP(tokenizer.vocab_size, num_previous=32, embedding_width=16, width=96)
    shipped(model, f"06_mlp_{tokenizer.vocab_size}_32")
    prompt = tokenizer.encode("\n")[None]
    generator = torch.Generator().manual_seed(SEED)
    steps = language.sample(model, prompt, max_new_tokens=CALLS[-1], generator=generator)
    states = [step.state[0, 1:] for step in steps if step.calls in CALLS]
    return [tokenizer.decode(state).partition("\n")[0] for state in states]


def draw() -> plots.Picture:
    """The picture: a row for each number of model calls."""
    figure, (left, right) = plots.panels(
        2,
        title="One clock, two ways: a call refines every pixel, or adds one word",
        titles=["", "language: one more word a call"],
        size=(10, 5.2),
    )
    rows = [f"{calls} calls" if calls > 1 else "1 call" for calls in CALLS]
    plots.image_grid(digits(), rows=rows, title="diffusion: every pixel, each call", ax=left)
    right.set_axis_off()
    for row, text in enumerate(texts()):
        height = 1 - (row + 0.5) / len(CALLS)
        right.text(0, height, textwrap.fill(text, 46), va="center", fontsize=10)
    return figure


if __name__ == "__main__":
    write_atomically(ROOT / "docs" / "two_ways.png", png(draw()))
