"""What a CUDA card can do beyond float32 and one kernel at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Loss = Callable[[Any, Any], Tensor]


def accelerated(loss_fn: Loss, device: torch.device) -> Loss:
    """The same loss with products in bfloat16 and its kernels compiled, as far as the card goes.

    Weights, gradients and optimizer stay float32. Prints what a card cannot do. Compiling takes up
    to a minute, so it pays in long training only. On other devices the loss stays as it is.

    Args:
        loss_fn: loss_fn(model, batch) -> () loss.
        device: where the model is.

    Source: mixed precision: Micikevicius et al. 2018, arXiv:1710.03740.
    """
    if device.type != "cuda":
        return loss_fn
    if torch.cuda.is_bf16_supported(including_emulation=False):
        loss_fn = in_bfloat16(loss_fn, device)
    else:
        print(f"{torch.cuda.get_device_name(device)} has no bfloat16: training stays in float32.")
    return compiled(loss_fn)


def in_bfloat16(loss_fn: Loss, device: torch.device) -> Loss:
    """The loss under autocast: products in bfloat16, sums and norms in float32."""

    def loss(model: Any, batch: Any) -> Tensor:
        with torch.autocast(device.type, torch.bfloat16):
            return loss_fn(model, batch)

    return loss


def compiled(loss_fn: Loss) -> Loss:
    """The loss compiled, or as it is where that fails, which is said once.

    An error of the loss itself shows too: the plain loss is called next, and raises it again.
    """
    attempt: Loss | None = torch.compile(loss_fn)

    def loss(model: Any, batch: Any) -> Tensor:
        nonlocal attempt
        if attempt is not None:
            try:
                return attempt(model, batch)
            except Exception as error:  # whatever a compiler may raise
                reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
                print(f"Not compiled ({reason}): training goes on with plain kernels.")
                attempt = None
        return loss_fn(model, batch)

    return loss
