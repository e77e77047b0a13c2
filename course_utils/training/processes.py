"""What Hugging Face Accelerate does for a training step, when `fit` is given an Accelerator.

Several processes, bfloat16, compiled kernels and accumulated gradients come from it. A step stays
what it is without: one batch, one step of the optimizer. The batch is cut into equal shares along
its first axis, one for each process, and each of these into as many as there are accumulations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from accelerate import Accelerator


def prepared(objective: nn.Module, accelerator: Accelerator, device: torch.device) -> nn.Module:
    """The objective as Accelerate wraps it.

    Raises:
        ValueError: the accelerator splits the model, scales the loss, or is on another device.
    """
    kind = str(accelerator.distributed_type).rpartition(".")[2]
    if kind not in ("NO", "MULTI_CPU", "MULTI_GPU"):
        raise ValueError(
            f"every process must hold the whole model; this Accelerator is of kind {kind}. Start "
            "with torchrun and Accelerator(), without plugins that split a model."
        )
    if accelerator.scaler is not None:
        raise ValueError(
            "float16 needs a loss that is scaled, which hides steps that were skipped. "
            'Use Accelerator(mixed_precision="bf16").'
        )
    if device.type != accelerator.device.type:
        raise ValueError(
            f"the model is on {device}, the accelerator on {accelerator.device}. Move model and "
            "batches first: model.to(accelerator.device), batches.to(accelerator.device)."
        )
    accelerator.step = 0  # a training that was stopped may have left it amid an accumulation
    return accelerator.prepare_model(objective, device_placement=False)


def backward_in_shares(objective: nn.Module, batch: Any, accelerator: Accelerator) -> Tensor:
    """Leave the gradient of a batch's loss in the weights; returns the mean loss of all shares."""
    parts = accelerator.gradient_accumulation_steps
    first = accelerator.process_index * parts
    losses = []
    for index in range(first, first + parts):
        with accelerator.accumulate(objective):
            loss = objective(share(batch, index, accelerator.num_processes * parts))
            accelerator.backward(loss)
            losses.append(loss.detach())
    mean: Tensor = accelerator.reduce(torch.stack(losses).mean(), reduction="mean")
    return mean


def share(batch: Any, index: int, num_shares: int) -> Any:
    """Share number `index` of a batch: each of its tensors cut along the first axis.

    Raises:
        ValueError: the shares would not be equal, so that the mean of their losses would not be
            the loss of the batch.
    """
    if isinstance(batch, dict):
        return {key: share(value, index, num_shares) for key, value in batch.items()}
    if isinstance(batch, tuple | list):
        return type(batch)(share(value, index, num_shares) for value in batch)
    if not isinstance(batch, Tensor) or batch.ndim == 0:
        return batch
    if len(batch) % num_shares:
        raise ValueError(
            f"a batch of {len(batch)} examples has no {num_shares} equal shares, one for each "
            f"process and accumulation. Use a batch_size that {num_shares} divides."
        )
    return batch.chunk(num_shares)[index]
