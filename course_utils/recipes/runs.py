"""Small trainings on Python's documentation whose losses are kept, not their weights.

A law needs dozens of trainings, and so does the question what each part of a recipe buys: minutes
of work for a few numbers. Lesson 08 reads the numbers, and makes some of the runs again.
``python -m course_utils.recipes.runs`` makes those that are missing in ``weights/runs.json``;
``--again 9`` makes every ninth again, beside what is kept.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from course_utils.data import Windows, python_docs, split_text
from course_utils.language import GPT, CharTokenizer, GPTConfig, next_token_loss, text_loss
from course_utils.recipes.recipe import WEIGHTS
from course_utils.training import adamw, muon, train_steps

PATH = WEIGHTS / "runs.json"
SEEDS = (0, 1, 2)
BATCH, LENGTH = 8, 128


@dataclass(frozen=True)
class Run:
    """One training: all that decides its loss.

    Attributes:
        variant: a name in `VARIANTS`; "all" is the recipe as it is.
        width: D.
        num_steps: of `BATCH` windows of `LENGTH` characters; the rate falls to zero in the last.
        seed: of the first weights and of the windows.
        rate: peak learning rate.
    """

    variant: str = "all"
    width: int = 64
    num_steps: int = 400
    seed: int = 0
    rate: float = 0.05

    @property
    def num_tokens(self) -> int:
        """Characters that it is trained on."""
        return self.num_steps * BATCH * LENGTH

    def make(self) -> float:
        """Train, and return nats a character on the held-out tenth of the documentation."""
        tokens, held_out, vocab_size = characters()
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


def plain(vocab_size: int, width: int, num_layers: int = 2, kind: type[GPT] = GPT) -> GPT:
    """An untrained GPT with two heads."""
    sizes = {"context_length": LENGTH, "num_layers": num_layers, "num_heads": 2, "width": width}
    return kind(GPTConfig(vocab_size, **sizes))


class NoPlaces(GPT):
    """A GPT without rotary positions, that still looks at the token before."""

    def _turns(self, *_: object) -> None:
        return None


class LearnedPlaces(NoPlaces):
    """A GPT with a learned vector for each position, as GPT-2 has."""

    edges = (*GPT.edges, "place")

    def __init__(self, config: GPTConfig) -> None:
        super().__init__(config)
        self.place = nn.Embedding(config.context_length, config.width)
        nn.init.normal_(self.place.weight, std=0.02)
        self.embed.register_forward_hook(self.placed)

    def placed(self, _: nn.Module, __: object, vectors: Tensor) -> Tensor:
        """The embeddings (B, T, D) with those of their positions added."""
        return vectors + self.place.weight[: vectors.shape[1]]


def no_look_back(vocab_size: int, width: int) -> GPT:
    """A GPT that does not join an embedding with the one before."""
    model = plain(vocab_size, width)
    assert model.previous is not None
    model.previous.requires_grad_(False)  # it stays at zero
    return model


def as_gpt2(vocab_size: int, width: int) -> GPT:
    """A GPT that starts as GPT-2 does: small random weights, in the outputs too."""
    model = plain(vocab_size, width)
    for name, p in model.named_parameters():
        if p.ndim == 2:
            leaves = name.endswith(("project.weight", "mlp.2.weight"))
            nn.init.normal_(p, std=0.02 / math.sqrt(2 * len(model.blocks)) if leaves else 0.02)
    return model


def with_gelu(vocab_size: int, width: int) -> GPT:
    """A GPT with GELU in place of ReLU."""
    model = plain(vocab_size, width)
    for block in model.blocks:
        block.mlp[1] = nn.GELU()
    return model


def narrow(vocab_size: int, width: int) -> GPT:
    """A GPT of four layers with about as many weights as two of this width."""
    return plain(vocab_size, 4 * round(width / math.sqrt(2) / 4), num_layers=4)


Maker = Callable[[int, int, float], tuple[GPT, Optimizer]]


def under(
    make: Callable[[int, int], GPT], optimizer: Callable[[nn.Module, float], Optimizer] = muon
) -> Maker:
    """A network and its optimizer, for a vocabulary, a width and a rate."""

    def made(vocab_size: int, width: int, rate: float) -> tuple[GPT, Optimizer]:
        model = make(vocab_size, width)
        return model, optimizer(model, rate)

    return made


VARIANTS: Mapping[str, Maker] = {
    "all": under(plain),
    "AdamW": under(plain, adamw),
    "no look at the token before": under(no_look_back),
    "no positions": under(lambda v, d: plain(v, d, kind=NoPlaces)),
    "learned positions": under(lambda v, d: plain(v, d, kind=LearnedPlaces)),
    "first weights as in GPT-2": under(as_gpt2),
    "four narrow layers": under(narrow),
    "GELU": under(with_gelu),
}
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
ALL = tuple(dict.fromkeys([*GRID, *PARTS, *LONGER, *BEYOND]))


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
