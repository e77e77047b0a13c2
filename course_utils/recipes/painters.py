"""Trainings of `shapes` with one part exchanged, whose scores are kept and not their weights.

What does a drawing follow if the caption comes as one vector, as words, in no order, or if it is
wrong? Each answer takes minutes. Lesson 12 reads the scores, and makes the first steps of some
again. ``python -m course_utils.recipes.painters`` makes those missing in ``weights/painters.json``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

import torch
from torch import Tensor

from course_utils.data import Batches, Scene, placed_scenes, related_scenes
from course_utils.diffusion import (
    Cosine,
    Denoiser,
    Guided,
    UNet,
    denoising_loss,
    dpm_solver_2m,
    sample,
    times_even_in_snr,
)
from course_utils.multimodal import Scores, TextEncoder, score
from course_utils.recipes import captions
from course_utils.recipes.recipe import WEIGHTS
from course_utils.records import last
from course_utils.training import fit, muon, train_steps

PATH = WEIGHTS / "painters.json"
SEEDS = (0, 1, 2)
MARKS = (250, 500, 1000, 2000, 5000)  # steps after which the drawings are scored
PARTS = ("colour", "shape", "place", "size", "right")


@dataclass(frozen=True)
class Variant:
    """How the caption reaches the U-Net.

    Attributes:
        taught: the text encoder has learned as a tower of `captions` and stays as it is; otherwise
            it is trained with the drawing.
        look: the places of the picture look at the words; otherwise there is one vector.
        num_layers: of the text encoder; 0 is a bag of words.
        shuffled: each picture has the caption of another.
    """

    taught: bool = True
    look: bool = True
    num_layers: int = 1
    shuffled: bool = False

    def painter(self, seed: int) -> Denoiser:
        """The untrained denoiser; all have 264,000 to 289,000 weights, with the frozen ones."""
        torch.manual_seed(seed)
        text = TextEncoder(captions.tokenizer().vocab_size, 32, self.num_layers)
        if self.taught:
            towers = captions.model()
            towers.text = text
            pairs = captions.pairs(64, seed)
            loss, steps = captions.RECIPE.loss, captions.RECIPE.num_steps
            fit(towers, pairs, loss, num_steps=steps, optimizer=muon(towers))
            text.requires_grad_(False)
        widths = (24, 32, 48) if self.look else (24, 40, 48)
        return Denoiser(UNet(3, widths, text=text, look=self.look), Cosine(), predicts="v")

    def batches(self, seed: int) -> Batches:
        """What it is trained on."""
        batches = captions.pairs(32, seed)
        if not self.shuffled:
            return batches
        images, tokens = batches.tensors
        order = torch.randperm(len(tokens), generator=torch.Generator().manual_seed(seed))
        return Batches(images, tokens[order], batch_size=32, seed=seed)


VARIANTS: Mapping[str, Variant] = {
    "taught, words": Variant(),
    "taught, vector": Variant(look=False),
    "untaught, words": Variant(taught=False),
    "untaught, vector": Variant(taught=False, look=False),
    "bag of words": Variant(taught=False, num_layers=0),
    "wrong captions": Variant(shuffled=True),
}
LENGTHS = dict.fromkeys(VARIANTS, 2000) | {"taught, words": 5000}
Shares = dict[str, float]


def groups() -> dict[str, list[Scene]]:
    """The captions that are asked for, each twice or more: held out, and seen in training."""
    placed: list[Scene] = [*placed_scenes()]
    related: list[Scene] = [*related_scenes()]
    return {
        "new, one thing": [s for s in placed if s.held_out] * 4,
        "new, two things": [s for s in related if s.held_out] * 2,
        "seen, one thing": [s for s in placed if not s.held_out],
        "seen, two things": [s for s in related if not s.held_out][::3],
    }


def paint(model: Denoiser, scenes: Sequence[Scene], *, scale: float = 2.0, seed: int = 0) -> Tensor:
    """Draw each scene's caption in ten steps of order two; (N, 3, 16, 16)."""
    cond = captions.encode(scenes).to(next(model.parameters()).device)
    steps = sample(
        Guided(model, scale),
        (len(scenes), 3, 16, 16),
        step=dpm_solver_2m(),
        times=times_even_in_snr(model.schedule, 10),
        cond=cond,
        clip=1.0,
        generator=torch.Generator().manual_seed(seed),
    )
    return last(steps).state


def shares(scores: Scores) -> Shares:
    """The share of drawings that are right in each part."""
    return {part: round(getattr(scores, part).float().mean().item(), 4) for part in PARTS}


def make(name: str, seed: int) -> Iterator[tuple[int, dict[str, Shares]]]:
    """Train one variant; after each of `MARKS` the steps so far, and the scores of each group."""
    variant, length = VARIANTS[name], LENGTHS[name]
    model = variant.painter(seed)
    steps = train_steps(
        model,
        variant.batches(seed),
        partial(denoising_loss, drop=0.1),
        num_steps=length,
        optimizer=muon(model),
    )
    for record in steps:
        if record.step in MARKS:
            model.eval()
            state = torch.get_rng_state()
            drawn = {group: paint(model, scenes) for group, scenes in groups().items()}
            torch.set_rng_state(state)
            model.train()
            yield (
                record.step,
                {g: shares(score(groups()[g], images)) for g, images in drawn.items()},
            )


@cache
def recorded() -> dict[tuple[str, int], dict[int, dict[str, Shares]]]:
    """(variant, seed) -> steps -> group -> part -> share right."""
    kept = json.loads(PATH.read_text(encoding="utf-8")) if PATH.exists() else []
    return {
        (row["variant"], row["seed"]): {int(step): found for step, found in row["steps"].items()}
        for row in kept
    }


def keep(found: Mapping[tuple[str, int], Mapping[int, dict[str, Shares]]]) -> None:
    """Write the scores, a training a line, in the order of `VARIANTS`."""
    order = [(name, seed) for name in VARIANTS for seed in SEEDS]
    rows = [
        json.dumps({"variant": key[0], "seed": key[1], "steps": found[key]})
        for key in order
        if key in found
    ]
    PATH.write_text("[\n" + ",\n".join(rows) + "\n]\n", encoding="utf-8")


def main() -> None:
    """Make the trainings that are not kept yet."""
    torch.set_num_threads(1)
    for seed in SEEDS:
        for name in VARIANTS:
            recorded.cache_clear()  # another process may have kept some meanwhile
            if (name, seed) in recorded():
                continue
            started = time.process_time()
            steps = dict(make(name, seed))
            recorded.cache_clear()
            keep({**recorded(), (name, seed): steps})
            final = steps[max(steps)]["new, two things"]
            print(name, seed, final, f"{time.process_time() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
