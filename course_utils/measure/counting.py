"""Counts: weights, operations, model calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn


def count_parameters(model: nn.Module) -> int:
    """Number of trainable weights."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


@torch.no_grad()
def forward_flops(model: Callable[..., Any], *inputs: Any) -> int:
    """Floating-point operations of one call model(*inputs), as torch counts them."""
    from torch.nn.attention import SDPBackend, sdpa_kernel  # both are slow to import
    from torch.utils.flop_counter import FlopCounterMode

    # torch counts nothing for the CPU's fused attention, so attention is taken apart here.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(*inputs)
    return int(counter.get_total_flops())


@dataclass
class Calls:
    """A running count of model calls."""

    count: int = 0


@contextmanager
def counted_calls(model: nn.Module) -> Iterator[Calls]:
    """Count how often a model is called inside the block: the latency of both families."""
    calls = Calls()

    def note(module: nn.Module, inputs: Any) -> None:
        calls.count += 1

    hook = model.register_forward_pre_hook(note)
    try:
        yield calls
    finally:
        hook.remove()
