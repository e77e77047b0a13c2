"""How the cost of our own models grows: CPU time and memory, each held against theory.

A cost that grows as size^p is a line of slope p on log axes. Small sizes pay a fixed price for each
operation, so the slope over all sizes lies below theory; that of the upper half comes nearer.
"""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from frame.machine import threads
from frame.process import in_process
from frame.turns import Same

from course_utils import diffusion, language, training
from course_utils.measure import forward_flops
from course_utils.records import last

SIZES: dict[str, Sequence[int]] = {
    "image side": (8, 16, 32, 64),
    "context length": (64, 128, 256, 512, 1024, 2048),
    "batch of images": (1, 2, 4, 8, 16, 32, 64),
    "batch of texts": (1, 2, 4, 8, 16, 32, 64),
    "sampling steps": (1, 2, 4, 8, 16, 32),
}
KINDS_OF_MEMORY = {"image side": 4, "context length": 16}  # and the size of the empty run
VOCAB_SIZE, SECONDS, REPEATS = 128, 0.4, 3  # a point takes at least so long, and so many runs


def measure_section(sizes: dict[str, Sequence[int]] | None = None) -> dict[str, Any]:
    """All costs and their exponents; there is no peer, so there are no goals."""
    sizes = sizes or SIZES
    times, _ = in_process("sections.growth", "all_times", {"sizes": sizes})
    memory = {kind: memory_growth(kind, sizes[kind]) for kind in KINDS_OF_MEMORY if kind in sizes}
    return {"goals": [], "details": {"time": times, "memory": memory}}


def all_times(sizes: dict[str, Sequence[int]]) -> dict[str, Any]:
    """CPU milliseconds of each kind at each of its sizes."""
    threads()
    found = {}
    for kind, row in sizes.items():
        costs = [cpu_ms(work(kind, size)) for size in row]
        unit = "CPU ms a run" if kind == "sampling steps" else "CPU ms a training step"
        found[kind] = fitted(row, costs, unit, theory(kind, row))
    return found


def work(kind: str, size: int) -> Callable[[], object]:
    """One training step, or one run of the sampler, as a function to be called again and again."""
    torch.manual_seed(0)
    if kind == "image side":
        return image_step(size, 16)
    if kind == "batch of images":
        return image_step(16, size)
    if kind == "context length":
        return text_step(size, 1)
    if kind == "batch of texts":
        return text_step(128, size)
    if kind == "sampling steps":
        model = denoiser().eval()
        return lambda: last(diffusion.sample(model, (4, 1, 16, 16), num_steps=size))
    raise ValueError(f"the kind must be one of {', '.join(SIZES)}; got {kind!r}.")


def denoiser() -> diffusion.Denoiser:
    """The U-Net of this section."""
    return diffusion.Denoiser(diffusion.UNet(widths=(16, 32, 64)), diffusion.Cosine(), "v")


def gpt(context_length: int) -> language.GPT:
    """The transformer of this section: the course's GPT."""
    return language.GPT(language.GPTConfig(VOCAB_SIZE, context_length=context_length))


def image_step(side: int, batch: int) -> Callable[[], object]:
    """A training step of the U-Net on `batch` images of this side."""
    steps = training.train_steps(
        denoiser(),
        Same((torch.randn(batch, 1, side, side),)),
        diffusion.denoising_loss,
        num_steps=10**9,
    )
    return lambda: next(steps)


def text_step(context_length: int, batch: int) -> Callable[[], object]:
    """A training step of the transformer on `batch` texts of this length."""
    steps = training.train_steps(
        gpt(context_length),
        Same((torch.randint(VOCAB_SIZE, (batch, context_length + 1)),)),
        language.next_token_loss,
        num_steps=10**9,
    )
    return lambda: next(steps)


def cpu_ms(run: Callable[[], object]) -> float:
    """Median CPU milliseconds of a run, after one that does not count."""
    run()
    found: list[float] = []
    while len(found) < REPEATS or sum(found) < SECONDS:
        start = time.process_time()
        run()
        found.append(time.process_time() - start)
    return 1000 * statistics.median(found)


def theory(kind: str, sizes: Sequence[int]) -> float:
    """The exponent to expect; for the context that of the operations, linear and quadratic ones."""
    if kind == "context length":
        flops = [forward_flops(gpt(size), torch.zeros(1, size, dtype=torch.long)) for size in sizes]
        return exponent(sizes, flops)
    return 2.0 if kind == "image side" else 1.0


def exponent(sizes: Iterable[float], costs: Iterable[float]) -> float:
    """The p of cost = c size^p, by least squares on log axes."""
    logs = [[math.log(value) for value in row] for row in (sizes, costs)]
    return float(np.polyfit(*logs, deg=1)[0])


def fitted(sizes: Sequence[int], costs: list[float], unit: str, expected: float) -> dict[str, Any]:
    """Costs with their exponent over all sizes and over the upper half."""
    upper = min(len(sizes) // 2, len(sizes) - 2)
    return {
        "sizes": list(sizes),
        "cost": costs,
        "unit": unit,
        "exponent": exponent(sizes, costs),
        "upper_exponent": exponent(sizes[upper:], costs[upper:]),
        "theory": expected,
    }


def memory_growth(kind: str, sizes: Sequence[int]) -> dict[str, Any]:
    """Peak memory of a training step beyond that of the smallest one; each in its own process.

    The smallest step has loaded the libraries and made weights, gradients and the optimizer's
    state, so what is left is what the size itself asks for.
    """
    empty, *peaks = (
        in_process("sections.growth", "peak_of", {"kind": kind, "size": size})[0]
        for size in (KINDS_OF_MEMORY[kind], *sizes)
    )
    # 0.1 MB is what such a difference can tell.
    costs = [max(peak - empty, 0.1) for peak in peaks]
    expected = 2.0 if kind == "image side" else 1.0  # fused attention keeps no T x T matrix
    return {**fitted(sizes, costs, "MB", expected), "empty_mb": empty}


def peak_of(kind: str, size: int) -> float:
    """Peak memory of this process in MB after two training steps."""
    run = work(kind, size)
    run()
    run()
    return peak_memory()


def peak_memory() -> float:
    """The most memory that this process has held so far, in MB.

    Linux passes ru_maxrss on from the process that started this one, so there the kernel's own
    record is read.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        import resource  # not on Windows

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (1e6 if sys.platform == "darwin" else 1e3)
