"""Training steps a second at equal parameters, and the share of the machine that they reach.

A step is forward, backward and AdamW for every model alike. What Muon costs on top is measured
beside it. Nothing can be faster than the matrix products, so their speed is the limit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from frame.clock import Clock
from frame.goals import Goal
from frame.machine import matrix_speed, threads
from frame.turns import Same, alternate
from peers import images, texts
from torch import Tensor, nn

from course_utils import diffusion, language, training
from course_utils.measure import count_parameters, forward_flops

ROUNDS, STEPS = 7, 2
IMAGES, WINDOWS, VOCAB_SIZE = (64, 1, 16, 16), (16, 129), 103
WIDTHS = (32, 64, 128)  # as many weights as diffusers' and smalldiffusion's U-Nets
WIDTH = 180  # as many weights as the peers' decoders; the course's GPT is 176 wide


def measure_section() -> dict[str, Any]:
    """Both families; goals 1.5 for the U-Net, 1 for the transformer denoiser, 1.2 for the GPT."""
    threads()
    torch.manual_seed(0)
    peak = matrix_speed()
    comparisons = {"U-Net": (unets, 1.5), "transformer denoiser": (dits, 1.0), "GPT": (gpts, 1.2)}
    goals, details = [], {"peak_gflops": peak / 1e9}
    for kind, (trainees, least) in comparisons.items():
        goal, details[kind] = compare(kind, trainees(), peak, least)
        goals.append(goal)
    return {"goals": goals, "details": details}


Trainee = tuple[Callable[[], object], int, float]  # a step, parameters, operations of a step


def unets() -> dict[str, Trainee]:
    """Ours and the peers', without labels."""
    return denoisers(images.PEERS, diffusion.UNet(widths=WIDTHS))


def dits() -> dict[str, Trainee]:
    """Ours and the peers', all with labels, because diffusers' has no other way."""
    labels = torch.arange(IMAGES[0]) % images.NUM_CLASSES
    return denoisers(images.TRANSFORMERS, diffusion.DiT(num_classes=images.NUM_CLASSES), labels)


def denoisers(
    peers: dict[str, type[images.ImagePeer]], net: nn.Module, labels: Tensor | None = None
) -> dict[str, Trainee]:
    """Our network and the peers', each with its own loss, on one batch of images."""
    batch = torch.randn(IMAGES).clamp(-1, 1)
    found: dict[str, Trainee] = {}
    for name, kind in peers.items():
        peer = kind(labels is not None)
        step = lambda peer=peer: peer.step(batch, labels, 0.5)  # noqa: E731
        found[name] = (step, count_parameters(peer.net), 0)
    model = diffusion.Denoiser(net, diffusion.Cosine(), "v")
    flops = 3.0 * forward_flops(net, batch, torch.rand(len(batch)), labels)
    return found | ours(model, (batch, labels), diffusion.denoising_loss, flops)


def gpts() -> dict[str, Trainee]:
    """Ours and the peers', on one batch of windows."""
    batch = torch.randint(VOCAB_SIZE, WINDOWS)
    found: dict[str, Trainee] = {}
    for name, kind in texts.PEERS.items():
        peer = kind(VOCAB_SIZE)
        found[name] = (lambda peer=peer: peer.step(batch, 0.5), count_parameters(peer.net), 0)
    model = language.GPT(language.GPTConfig(VOCAB_SIZE, width=WIDTH))
    flops = 3.0 * forward_flops(model, batch[:, :-1])
    return found | ours(model, (batch,), language.next_token_loss, flops)


def ours(model: nn.Module, batch: Any, loss: Any, flops: float) -> dict[str, Trainee]:
    """Our model under AdamW, as the peers have it, and under Muon, as the lessons have it."""
    found = {}
    for name, optimizer in {"ours": training.adamw, "ours with Muon": training.muon}.items():
        steps = training.train_steps(
            model, Same(batch), loss, num_steps=10**9, optimizer=optimizer(model, 1e-4)
        )
        found[name] = (lambda steps=steps: next(steps), count_parameters(model), flops)
    return found


def compare(
    kind: str, trainees: dict[str, Trainee], peak: float, least: float
) -> tuple[Goal, dict[str, Any]]:
    """CPU milliseconds a step of each, in turn."""
    for step, _, _ in trainees.values():
        step()
    found = alternate({name: timed(step) for name, (step, _, _) in trainees.items()}, ROUNDS)
    peer = min(
        (name for name in found if not name.startswith("ours")),
        key=lambda name: found[name]["median"],
    )
    milliseconds = {name: row["median"] for name, row in found.items()}
    goal = Goal.lower(
        f"{kind}: CPU ms a training step", milliseconds["ours"], milliseconds[peer], peer, least
    )
    flops = trainees["ours"][2]
    return goal, {
        "ms": found,
        "parameters": {name: trainee[1] for name, trainee in trainees.items()},
        "gflop_a_step": flops / 1e9,
        "share_of_matrix_speed": flops / (milliseconds["ours"] / 1000) / peak,
        "muon_over_adamw": milliseconds["ours with Muon"] / milliseconds["ours"],
        "ratios": {
            name: value / milliseconds["ours"]
            for name, value in milliseconds.items()
            if not name.startswith("ours")
        },
    }


def timed(step: Callable[[], object]) -> Callable[[], float]:
    """A function that makes some steps and returns CPU milliseconds a step."""

    def run() -> float:
        clock = Clock()
        with clock:
            for _ in range(STEPS):
                step()
        return 1000 * clock.seconds / STEPS

    return run
