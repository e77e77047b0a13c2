"""Time to quality on digits, 16 x 16: how soon ours is as good as the best peer after 120 s.

One measure for all: the squared error of the noise, averaged over a grid of alpha_bar that is even
from 0.02 to 0.98, on held-out digits. Only training counts, in CPU seconds of one thread.

The recipes were tuned with `load_digits().test` in sight, so here that part is trained on, and as
many digits that were trained on then are held out.
"""

from __future__ import annotations

from typing import Any

import torch
from frame.clock import train
from frame.goals import Goal
from frame.machine import matrix_speed
from frame.process import in_process
from frame.race import level, on_all_seeds, race
from frame.turns import side_by_side
from peers.images import PEERS
from peers.ours import Painter
from peers.recipe import TAUGHT, WITH_ADAMW

from course_utils import data, training
from course_utils.measure import Judge, classification_loss, count_parameters, energy_distance

CALLS, NUM_SAMPLES = 15, 1000
GRID = torch.linspace(0.02, 0.98, 12).tolist()


def digits() -> data.Digits:
    """4,500 digits to train on, and 500 that were not looked at in tuning."""
    known, tuning = data.load_digits(16)
    num = len(tuning.images)
    train = [torch.cat([b, a[num:]]) for a, b in zip(known, tuning, strict=True)]
    held_out = [part[:num] for part in known]
    return data.Digits(data.LabelledImages(*train), data.LabelledImages(*held_out))


def build(name: str, conditional: bool, seed: int) -> Any:
    """One trainee, from this seed."""

    torch.manual_seed(seed)
    return ({"ours": Painter} | PEERS | TAUGHT | WITH_ADAMW)[name](conditional)


def run(
    name: str, conditional: bool, seed: int, budget: float, judged: bool = True
) -> dict[str, Any]:
    """Train one for a budget; its losses, and what 1,000 of its samples are worth."""
    torch.set_num_threads(1)
    train_part, held_out = digits()
    speed = matrix_speed()
    trainee = build(name, conditional, seed)
    stream = data.Batches(*train_part, batch_size=trainee.batch_size, seed=seed)

    def step(index: int, share: float) -> None:
        images, labels = stream[index]
        trainee.step(images, labels if conditional else None, share)

    @torch.no_grad()
    def loss() -> float:
        noise = torch.Generator().manual_seed(1)
        images, labels = held_out
        errors = []
        for alpha_bar in GRID:
            eps = torch.randn(images.shape, generator=noise)
            x_t = alpha_bar**0.5 * images + (1 - alpha_bar) ** 0.5 * eps
            guess = trainee.eps(x_t, alpha_bar, labels if conditional else None)
            errors.append((guess - eps).square().mean().item())
        return sum(errors) / len(errors)

    rows = train(step, loss, budget, [])
    result = {
        "rows": rows,
        "parameters": count_parameters(trainee.net),
        "matrix_gflops": speed / 1e9,
    }
    return result | (quality(trainee, conditional) if judged else {})


@torch.no_grad()
def quality(trainee: Any, conditional: bool) -> dict[str, float]:
    """Energy distance of samples to held-out digits, and how many a judge reads as asked."""
    train_part, held_out = digits()
    torch.manual_seed(1)
    labels = torch.arange(NUM_SAMPLES) % 10
    images = draw(trainee, labels if conditional else None)
    judge = Judge()
    with torch.enable_grad():
        stream = data.Batches(*train_part, batch_size=64)
        for _ in training.train_steps(judge, stream, classification_loss, num_steps=400):
            pass
    found = {
        "energy_distance": energy_distance(images, held_out.images),
        "feature_distance": judge.distance(images, held_out.images),
    }
    return found | ({"accuracy": judge.accuracy(images, labels)} if conditional else {})


def draw(trainee: Any, labels: torch.Tensor | None) -> torch.Tensor:
    """1,000 images by DDIM: one sampler for all, so that only the networks differ."""
    # alpha = 0.05 to begin with: smalldiffusion has seen no more noise than that.
    angle = torch.linspace(1.52, 0, CALLS + 1)
    alpha, sigma = angle.cos().tolist(), angle.sin().tolist()
    x = torch.randn(NUM_SAMPLES, 1, 16, 16)
    for now in range(CALLS):
        eps = trainee.eps(x, alpha[now] ** 2, labels)
        x0 = ((x - sigma[now] * eps) / alpha[now]).clamp(-1, 1)
        eps = (x - alpha[now] * x0) / sigma[now]
        x = alpha[now + 1] * x0 + sigma[now + 1] * eps
    return x


def compare(kind: str) -> tuple[list[Goal], dict[str, Any]]:
    """All peers and ours for 120 s, then ours for as long as the best peer's loss takes.

    That compares recipe, optimizer and code at once. Then the same climb for each peer's network
    under our whole recipe, and for ours with AdamW: what each of the three is worth.
    """

    def train_one(**options: Any) -> dict[str, Any]:
        return in_process("sections.digits", "run", {"conditional": kind == "by class", **options})[
            0
        ]

    first, *others = PEERS
    goal, found = race(
        f"digits {kind}: CPU s to the loss of the best peer",
        train_one,
        (first, "ours", *others),
        5.0,
        judged=False,
    )
    fair, same_recipe = level(
        f"digits {kind}: CPU s to that loss, peers by our recipe",
        train_one,
        list(TAUGHT),
        found["target"],
        found["ours_seconds"],
        3.0,
        judged=False,
    )
    adamw = {
        name: on_all_seeds(name, train_one, found["target"], judged=False) for name in WITH_ADAMW
    }
    return [goal, fair], found | {
        "after 120 s": {"ratios": gains(found["runs"])},
        "by our recipe": same_recipe,
        "by another optimizer": {"reached": adamw},
    }


def gains(runs: dict[str, Any]) -> dict[str, dict[str, float]]:
    """How many times smaller our losses, our distances and our share of misread samples are."""
    sizes = {name: {"loss": run["rows"][-1][1]} for name, run in runs.items()}
    for name, run in runs.items():
        sizes[name] |= {"feature distance of samples": run["feature_distance"]}
        if run["energy_distance"] > 0:  # an unbiased estimate may fall below
            sizes[name] |= {"energy distance of samples": run["energy_distance"]}
        if "accuracy" in run:
            sizes[name] |= {"misread samples": 1 - run["accuracy"]}
    ours = sizes.pop("ours")
    return {
        what: {name: size[what] / ours[what] for name, size in sizes.items() if what in size}
        for what in ours
        if ours[what] > 0
    }


def measure_section() -> dict[str, Any]:
    """Both tasks, side by side; the goals are five times faster, and three by one recipe."""
    found = side_by_side(compare, ("unconditional", "by class"))
    return {
        "goals": [goal for goals, _ in found.values() for goal in goals],
        "details": {kind: details for kind, (_, details) in found.items()},
    }
