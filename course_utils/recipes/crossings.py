"""Trainings of each of the `ways`, whose scores are kept and not their weights.

Lesson 13 trains one network of each, and reads here what other seeds and other lengths gave.
``python -m course_utils.recipes.crossings`` makes those missing in ``weights/crossings.json``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor

from course_utils.masked import ORDERS, text_bound
from course_utils.recipes import ways
from course_utils.recipes.recipe import WEIGHTS
from course_utils.training import fit, muon

PATH = WEIGHTS / "crossings.json"
SEEDS = (0, 1, 2)
STEPS = (100, 200, 400, 800)  # each a training of its own
PASSES = (1, 2, 4, 5, 10, 20)  # for all 20 tokens
NUM_TEXTS = 1000


def passes_of(way: str) -> list[int]:
    """The numbers of passes that a way can write in: each block takes one at least."""
    blocks = ways.LENGTH // ways.WAYS[way]
    return [n for n in PASSES if n % blocks == 0]


def described(texts: Tensor) -> dict[str, float]:
    """What share of texts (B, 20) the language says, and which of those begin with "One day"."""
    right = ways.is_text(texts)
    begun = texts[right][:, 0] == int(ways.tokenizer().encode("One")[0])
    return {"valid": mean(right), "one day": mean(begun) if len(begun) else 0.0}


def mean(values: Tensor) -> float:
    """To four digits."""
    return round(values.double().mean().item(), 4)


def scores(model: Any, way: str) -> dict[str, dict[str, float]]:
    """Setting ("9 random": nine passes in random order) -> what it wrote."""
    found = {}
    for name in ORDERS if ways.WAYS[way] > 1 else ["left to right"]:
        for passes in passes_of(way):
            texts = ways.write(model, way, NUM_TEXTS, passes, ORDERS[name], seed=passes)
            found[f"{passes} {name}"] = described(texts)
    return found


def filled(model: Any, way: str) -> dict[str, float]:
    """How a hidden treasure was found -> the share of texts that are right; nothing in blocks."""
    texts, generator = ways.said(NUM_TEXTS, seed=2000), torch.Generator().manual_seed(0)
    fills = {
        "left to right": {"blind": ways.fill_blind, "weighed": ways.fill_weighed},
        "diffusion": {"seen": ways.fill_seen},
    }
    return {
        name: mean(ways.is_text(fill(model, texts, generator)))
        for name, fill in fills.get(way, {}).items()
    }


def excess(model: Any, way: str) -> float | None:
    """Nats a text above the language's own -log p, over 2,000 texts; None in blocks.

    Left to right it is exact, by diffusion a bound from above.
    """
    texts = ways.said(2 * NUM_TEXTS, seed=1000)
    if way == "left to right":
        found = -ways.log_probs(model, texts)
    elif way == "diffusion":
        generator = torch.Generator().manual_seed(0)
        found = text_bound(model, texts, num_draws=ways.LENGTH, generator=generator)
    else:
        return None
    return mean(found + ways.true_log_probs(texts))


def make(way: str, seed: int, num_steps: int) -> dict[str, object]:
    """Train a network, and score it."""
    model, batches = ways.model(way, seed), ways.batches(way, seed)
    fit(model, batches, ways.loss(way), num_steps=num_steps, optimizer=muon(model))
    model.eval()
    return {"excess": excess(model, way), "texts": scores(model, way), "filled": filled(model, way)}


@cache
def recorded() -> dict[tuple[str, int, int], dict[str, dict[str, object]]]:
    """(way, steps, seed) -> what `make` found."""
    kept = json.loads(PATH.read_text(encoding="utf-8")) if PATH.exists() else []
    return {(row["way"], row["steps"], row["seed"]): row["found"] for row in kept}


def keep(found: Mapping[tuple[str, int, int], object]) -> None:
    """Write the scores, a training a line."""
    order = [(way, n, seed) for way in ways.WAYS for n in STEPS for seed in SEEDS]
    rows = [
        json.dumps({"way": way, "steps": n, "seed": seed, "found": found[way, n, seed]})
        for way, n, seed in order
        if (way, n, seed) in found
    ]
    PATH.write_text("[\n" + ",\n".join(rows) + "\n]\n", encoding="utf-8")


def main() -> None:
    """Make the trainings that are not kept yet."""
    torch.set_num_threads(1)
    for num_steps in STEPS:
        for seed in SEEDS:
            for way in ways.WAYS:
                recorded.cache_clear()  # another process may have kept some meanwhile
                if (way, num_steps, seed) in recorded():
                    continue
                started = time.process_time()
                found = make(way, seed, num_steps)
                recorded.cache_clear()
                keep({**recorded(), (way, num_steps, seed): found})
                print(way, num_steps, seed, f"{time.process_time() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
