"""Small trainings on Python's documentation whose losses are kept, not their weights.

A law needs dozens of trainings, and so does the question what each part of a recipe buys: minutes
of work for a few numbers. Lesson 08 reads the numbers, and makes some of the runs again.
``python -m course_utils.recipes.runs`` makes those that are missing in ``weights/runs.json``;
``--again 9`` makes every ninth again, beside what is kept.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache

import torch
from torch import Tensor

from course_utils.data import Windows, python_docs, split_text
from course_utils.language import CharTokenizer, next_token_loss, text_loss
from course_utils.recipes.recipe import WEIGHTS
from course_utils.recipes.variants import LENGTH, VARIANTS
from course_utils.training import train_steps

PATH = WEIGHTS / "runs.json"
SEEDS = (0, 1, 2)
BATCH = 8


@dataclass(frozen=True)
class Run:
    """One training: all that decides its loss.

    Attributes:
        variant: a name in `VARIANTS`; "all" is the recipe as it is.
        width: D.
        num_steps: of `BATCH` windows of `LENGTH` characters; the rate falls to zero in the last.
        seed: of the first weights and of the windows.
        rate: peak learning rate.
        parts: 2 trains on every second block of 2,000 characters only, 4 on every fourth.

    Raises:
        ValueError: there is no such variant, or a size is below 1.
    """

    variant: str = "all"
    width: int = 64
    num_steps: int = 400
    seed: int = 0
    rate: float = 0.05
    parts: int = 1

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise ValueError(f"variant must be one of {', '.join(VARIANTS)}; got {self.variant!r}.")
        for name in ("width", "num_steps", "parts"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1; got {getattr(self, name)}.")

    @property
    def num_tokens(self) -> int:
        """Characters that it is trained on."""
        return self.num_steps * BATCH * LENGTH

    def make(self) -> float:
        """Train, and return nats a character on the held-out tenth of the documentation."""
        tokens, held_out, vocab_size = characters()
        tokens = torch.cat(tokens.split(2000)[:: self.parts])
        torch.manual_seed(self.seed)
        model, optimizer = VARIANTS[self.variant](vocab_size, self.width, self.rate)
        for _ in train_steps(
            model,
            Windows(tokens, LENGTH, BATCH, self.seed),
            next_token_loss,
            num_steps=self.num_steps,
            optimizer=optimizer,
        ):
            pass
        return text_loss(model, held_out, context_length=LENGTH)


@cache
def characters() -> tuple[Tensor, Tensor, int]:
    """The documentation to train on and its held-out tenth, as tokens; the size of its alphabet."""
    docs = python_docs()
    tokenizer = CharTokenizer.train(docs)
    tokens, held_out = map(tokenizer.encode, split_text(docs))
    return tokens, held_out, tokenizer.vocab_size


# Each variant at the best of the rates that were tried on seed 100, see docs/experiments.md.
RATES = dict.fromkeys(VARIANTS, 0.04) | {"AdamW": 0.012, "no look at the token before": 0.06}
WIDTHS, LENGTHS = (16, 24, 32, 48, 64), (100, 200, 400)
BEYOND_SIZES = (64, 800), (112, 400), (112, 800)
GRID = [Run(width=w, num_steps=n, seed=s) for w in WIDTHS for n in LENGTHS for s in SEEDS]
PARTS = [Run(variant=v, seed=s, rate=RATES[v]) for v in VARIANTS for s in SEEDS]
# Muon's step costs more: with a quarter more steps AdamW has had at least as many seconds.
LONGER = [Run(variant="AdamW", num_steps=500, seed=s, rate=RATES["AdamW"]) for s in SEEDS]
# Beyond the grid: by length, by width, and by both.
BEYOND = [Run(width=w, num_steps=n, seed=s) for w, n in BEYOND_SIZES for s in SEEDS]
# As many characters read, of which fewer are new.
AGAIN = [Run(seed=s, parts=n) for n in (1, 2, 4) for s in SEEDS]
ALL = tuple(dict.fromkeys([*GRID, *PARTS, *LONGER, *BEYOND, *AGAIN]))


@cache
def recorded() -> dict[Run, float]:
    """The kept loss of each run, in nats a character of the held-out tenth.

    They were measured on one version of Python; the documentation of another differs a little.
    """
    kept = json.loads(PATH.read_text(encoding="utf-8"))["runs"] if PATH.exists() else []
    return {Run(**{k: v for k, v in row.items() if k != "loss"}): row["loss"] for row in kept}


def keep(found: Mapping[Run, float]) -> None:
    """Write the losses, one run a line, in the order of `ALL`."""
    rows = [json.dumps(asdict(run) | {"loss": round(found[run], 5)}) for run in ALL if run in found]
    versions = {"python": platform.python_version(), "torch": str(torch.__version__)}
    head = json.dumps({"made_with": versions})[:-1]
    PATH.write_text(head + ', "runs": [\n' + ",\n".join(rows) + "\n]}\n", encoding="utf-8")


def main() -> None:
    """Make the runs that are not kept yet; or with --again every k-th of those that are."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--again", type=int, metavar="K", help="compare every K-th kept run")
    every = parser.parse_args().again
    torch.set_num_threads(1)  # so the last digits do not hang on the machine's cores
    found = dict(recorded())
    for run in list(found)[::every] if every else [run for run in ALL if run not in found]:
        started = time.process_time()
        loss = run.make()
        kept = f", kept {found[run]:.4f}" if every else ""
        print(f"{run}: {loss:.4f}{kept}, {time.process_time() - started:.1f} s", flush=True)
        if not every:
            keep(found := found | {run: loss})


if __name__ == "__main__":
    main()
