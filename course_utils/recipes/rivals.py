"""The same digits by both families, at equal weights and equal operations: scores of three seeds.

Lesson 14 reads them. ``python -m course_utils.recipes.rivals`` makes those missing in
``weights/rivals.json``; each takes one to two minutes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from functools import cache

import torch
from torch import Tensor, nn

from course_utils.data import Batches, load_digits
from course_utils.diffusion import Denoiser, Guided, dpm_solver_2m, times_even_in_snr
from course_utils.diffusion import sample as denoise
from course_utils.language import GPT
from course_utils.language import sample as write
from course_utils.measure import Judge, classification_loss
from course_utils.recipes import patches, pixels
from course_utils.recipes.recipe import WEIGHTS
from course_utils.records import last
from course_utils.training import adamw, fit, muon

PATH = WEIGHTS / "rivals.json"
SEEDS = (0, 1, 2)
STEPS = {"next token": 800, "diffusion": 3533}  # of equal operations
NUM_IMAGES = 500


def draw(model: nn.Module, labels: Tensor, seed: int = 0, scale: float = 1.0) -> Tensor:
    """Digits (B, 1, 16, 16) of labels (B,): in ten calls, or pixel after pixel in 256."""
    generator = torch.Generator().manual_seed(seed)
    if isinstance(model, GPT):
        prompt = (pixels.LEVELS + labels[:, None]).to(model.embed.weight.device)
        steps = write(model, prompt, max_new_tokens=pixels.SIDE**2, generator=generator)
        return pixels.to_images(last(steps).state)
    assert isinstance(model, Denoiser)
    states = denoise(
        model if scale == 1 else Guided(model, scale),
        (len(labels), 1, 16, 16),
        step=dpm_solver_2m(),
        times=times_even_in_snr(model.schedule, 10),
        cond=labels.to(next(model.parameters()).device),
        clip=1.0,
        generator=generator,
    )
    return last(states).state


@cache
def judge() -> Judge:
    """A reader of digits, trained on the real ones."""
    torch.manual_seed(0)
    made = Judge(16)
    batches = Batches(*load_digits(16).train, batch_size=64)
    fit(made, batches, classification_loss, num_steps=400, optimizer=adamw(made, 3e-3))
    return made.eval()


def scores(images: Tensor, labels: Tensor) -> dict[str, float]:
    """What the judge says: read as asked, the distance to the test digits, variety in a class."""
    real = load_digits(16).test.images
    return {
        "asked": round(judge().accuracy(images, labels), 4),
        "other": round(judge().accuracy(images, (labels + 1) % 10), 4),
        "distance": round(judge().distance(images, real), 4),
        "diversity": round(judge().diversity(images, labels), 4),
    }


def make(family: str, seed: int) -> dict[str, float]:
    """Train one network, and score 500 digits."""
    recipe = {"next token": pixels, "diffusion": patches}[family].RECIPE
    torch.manual_seed(seed)
    model = recipe.model()
    batches = recipe.batches()
    batches = Batches(*batches.tensors, batch_size=batches.batch_size, seed=seed)
    fit(model, batches, recipe.loss, num_steps=STEPS[family], optimizer=muon(model))
    labels = torch.arange(NUM_IMAGES) % 10
    return scores(draw(model.eval(), labels, seed), labels)


@cache
def recorded() -> dict[tuple[str, int], dict[str, float]]:
    """(family, seed) -> its scores."""
    kept = json.loads(PATH.read_text(encoding="utf-8")) if PATH.exists() else []
    return {(row["family"], row["seed"]): row["scores"] for row in kept}


def keep(found: Mapping[tuple[str, int], Mapping[str, float]]) -> None:
    """Write the scores, a training a line."""
    rows = [
        json.dumps({"family": family, "seed": seed, "scores": found[family, seed]})
        for family in STEPS
        for seed in SEEDS
        if (family, seed) in found
    ]
    PATH.write_text("[\n" + ",\n".join(rows) + "\n]\n", encoding="utf-8")


def main() -> None:
    """Make the trainings that are not kept yet."""
    torch.set_num_threads(1)
    for seed in SEEDS:
        for family in STEPS:
            recorded.cache_clear()
            if (family, seed) in recorded():
                continue
            started = time.process_time()
            found = make(family, seed)
            recorded.cache_clear()
            keep({**recorded(), (family, seed): found})
            print(family, seed, found, f"{time.process_time() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
