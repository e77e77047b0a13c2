"""Draws docs/two_ways.png: both families generate on one clock, counted in model calls.

The digits come from the weights of lesson 02 that the course ships, the text from an n-gram model
of the course's stories.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

import torch

from course_utils import data, diffusion, language
from course_utils.language import NGram, WordTokenizer
from course_utils.notebook import plots
from course_utils.notebook.figures import png
from course_utils.training.checkpoint import load_checkpoint, write_atomically

ROOT = Path(__file__).resolve().parents[1]
CALLS = (1, 6, 11, 16, 21, 26)  # the rows of the picture
SEED = 0


def digits() -> torch.Tensor:
    """(rows, 5, 1, 16, 16): five digits after each number of model calls."""
    net = diffusion.UNet(widths=(16, 32, 64))
    painter = diffusion.Denoiser(net, diffusion.Cosine(), predicts="v")
    tensors, _ = load_checkpoint(ROOT / "data" / "checkpoints" / "02_digits.safetensors")
    weights = {name.removeprefix("model."): x for name, x in tensors.items() if "model." in name}
    painter.load_state_dict(weights)
    generator = torch.Generator().manual_seed(SEED)
    steps = diffusion.sample(
        painter, (5, 1, 16, 16), num_steps=CALLS[-1], clip=1.0, generator=generator
    )
    return torch.stack([step.state for step in steps if step.calls in CALLS])


def texts() -> list[str]:
    """The text after each number of model calls: one more word a call."""
    stories = "".join(data.stories().sample(5000, seed=SEED))
    tokenizer = WordTokenizer.train(stories)
    model = NGram(5, tokenizer.vocab_size).fit(tokenizer.encode(stories))
    prompt = tokenizer.encode("\n")[None]
    generator = torch.Generator().manual_seed(SEED)
    steps = language.sample(model, prompt, max_new_tokens=CALLS[-1], generator=generator)
    return [tokenizer.decode(step.state[0, 1:]) for step in steps if step.calls in CALLS]


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
        right.text(0, height, textwrap.fill(text, 52), va="center", fontsize=10)
    return figure


if __name__ == "__main__":
    write_atomically(ROOT / "docs" / "two_ways.png", png(draw()))
