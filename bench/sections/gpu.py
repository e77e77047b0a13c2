"""Training, generation and waits on a CUDA card; not part of the table of goals.

    make bench ARGS=gpu

Every figure is taken over two seconds or more, between moments when the card has finished all.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from frame.turns import Same
from torch import Tensor, nn

from course_utils import diffusion, language, training
from course_utils.measure import count_parameters, forward_flops
from course_utils.records import last

VOCAB_SIZE = 103
HALF = {"mixed_precision": "bf16"}
WAYS: dict[str, dict[str, str]] = {  # name -> what an Accelerator is asked for
    "float32": {},
    "bfloat16": HALF,
    "compiled": HALF | {"dynamo_backend": "inductor"},
}


@dataclass(frozen=True)
class Sizes:
    """How large the measured models are. The default is about what a GPU lesson trains."""

    widths: tuple[int, ...] = (64, 128, 256)
    num_images: int = 256
    side: int = 28
    num_layers: int = 8
    num_heads: int = 8
    width: int = 512
    context_length: int = 256
    num_texts: int = 64
    matrix: int = 8192
    seconds: float = 2.0


def measure_section() -> dict[str, Any]:
    """Both families on the card.

    Raises:
        RuntimeError: torch finds no card.
    """
    if not torch.cuda.is_available():
        raise RuntimeError("this section needs a CUDA card; torch finds none. Leave out `gpu`.")
    found = measure(torch.device("cuda"), Sizes())
    for kind, row in found.items():
        print(f"\n  {kind}: {row}", end="")
    return {"goals": [], "details": found}


def measure(device: torch.device, sizes: Sizes) -> dict[str, Any]:
    """Speeds on this device, and shares of its own matrix speed in bfloat16."""
    peak = matrix_speed(device, torch.bfloat16, sizes)
    images = torch.randn(sizes.num_images, 1, sizes.side, sizes.side, device=device)
    net = diffusion.UNet(widths=sizes.widths).to(device)
    denoiser = diffusion.Denoiser(net, diffusion.Cosine(), "v")
    tokens = torch.randint(VOCAB_SIZE, (sizes.num_texts, sizes.context_length + 1), device=device)
    config = language.GPTConfig(
        VOCAB_SIZE, sizes.context_length, sizes.num_layers, sizes.num_heads, sizes.width
    )
    gpt = language.GPT(config).to(device)
    times = torch.rand(len(images), device=device)
    return {
        "matrix products, TFLOP/s": {
            "bfloat16": peak / 1e12,
            "float32": matrix_speed(device, torch.float32, sizes) / 1e12,
        },
        "U-Net, images/s": trained(
            denoiser,
            (images,),
            diffusion.denoising_loss,
            len(images),
            3 * forward_flops(net, images, times) / peak,
            sizes,
        ),
        "GPT, tokens/s": trained(
            gpt,
            (tokens,),
            language.next_token_loss,
            tokens[:, 1:].numel(),
            3 * forward_flops(gpt, tokens[:, :-1]) / peak,
            sizes,
        ),
        "generation": generated(denoiser, images, gpt, tokens, sizes),
    }


def trained(
    model: nn.Module, batch: Any, loss_fn: Any, num: int, seconds_at_peak: float, sizes: Sizes
) -> dict[str, Any]:
    """Speed of training as each way of computing it allows, with `num` examples a step."""
    device = next(model.parameters()).device
    found: dict[str, Any] = {"parameters": count_parameters(model)}
    for name, options in WAYS.items():
        AcceleratorState._reset_state(reset_partial_state=True)  # else a process has one precision
        steps = training.train_steps(
            model,
            Same(batch),
            loss_fn,
            num_steps=10**9,
            optimizer=training.muon(model, 1e-3),
            accelerator=Accelerator(cpu=device.type == "cpu", **options) if options else None,
        )
        start = time.perf_counter()
        next(steps)  # compiles
        finish(device)
        first = time.perf_counter() - start
        a_step = seconds_each(lambda steps=steps: next(steps), device, sizes.seconds)
        found[name] = {
            "speed": num / a_step,
            "share of the peak": seconds_at_peak / a_step,
            "first step, s": first,
            "waits in 40 steps": waits(lambda steps=steps: list(islice(steps, 40)), device),
        }
        steps.close()
    return found


@torch.no_grad()
def generated(
    denoiser: diffusion.Denoiser, images: Tensor, gpt: nn.Module, tokens: Tensor, sizes: Sizes
) -> dict[str, float]:
    """Images/s of 50 steps, and tokens/s with the cache at batch 1 and 64."""
    device, num = images.device, sizes.context_length - 1

    def paint() -> None:
        last(diffusion.sample(denoiser, images.shape, num_steps=50, x_start=images))

    found = {"images/s, 50 calls": len(images) / seconds_each(paint, device, sizes.seconds)}
    for batch in (1, 64):
        prompt = tokens[:1, :1].expand(batch, 1)

        def write(prompt: Tensor = prompt) -> None:
            last(language.sample(gpt, prompt, max_new_tokens=num, temperature=0))

        found[f"tokens/s, batch {batch}"] = batch * num / seconds_each(write, device, sizes.seconds)
    return found | {"waits in 50 steps of sampling": waits(paint, device)}


def seconds_each(call: Callable[[], object], device: torch.device, at_least: float) -> float:
    """Seconds of a call, over as many calls in a row as take `at_least` seconds."""
    call()
    num = 1
    while True:
        finish(device)
        start = time.perf_counter()
        for _ in range(num):
            call()
        finish(device)
        elapsed = time.perf_counter() - start
        if elapsed >= at_least:
            return elapsed / num
        num *= 2


def waits(call: Callable[[], object], device: torch.device) -> int:
    """How often the program waits for the card while `call` runs; 0 keeps the card busy."""
    if device.type != "cuda":
        return 0
    finish(device)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            call()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(warning.message) for warning in found)


def finish(device: torch.device) -> None:
    """Wait until the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def matrix_speed(device: torch.device, dtype: torch.dtype, sizes: Sizes) -> float:
    """Operations a second of a large matrix product."""
    a, b = torch.randn(2, sizes.matrix, sizes.matrix, device=device, dtype=dtype)
    return 2.0 * sizes.matrix**3 / seconds_each(lambda: a @ b, device, sizes.seconds)
