"""Where a step is computed: in this process alone, or as an `accelerate.Accelerator` has it.

`train_steps` asks both for the same few things, so the loop is written once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from torch import Tensor, nn

Loss = Callable[[Any, Any], Tensor]


class Objective(nn.Module):
    """A model and its loss as one module: forward(batch) is the loss.

    This is what an accelerator wraps. So whatever the loss asks of the model, also of a part of it,
    happens inside the wrapped forward: in its precision, compiled, and with gradients that are
    averaged over processes.
    """

    def __init__(self, model: nn.Module, loss_fn: Loss) -> None:
        super().__init__()
        self.model, self.loss_fn = model, loss_fn

    def forward(self, batch: Any) -> Tensor:
        """() loss of a batch.

        Raises:
            ValueError: it is not one number, or no weight can be trained by it.
        """
        loss = self.loss_fn(self.model, batch)
        if not isinstance(loss, Tensor) or loss.ndim:
            got = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
            raise ValueError(
                f"loss_fn must return one number, a tensor of shape (); got {got}. Use .mean()."
            )
        if not loss.requires_grad:
            raise ValueError(
                "expected a loss that depends on the weights; got one without a gradient, which "
                "trains nothing. Leave out .item(), .detach() and no_grad on the way to it."
            )
        return loss


class Alone:
    """One process in the precision of the weights: what `train_steps` asks for, done plainly."""

    process_index = 0
    num_processes = 1
    gradient_accumulation_steps = 1
    sync_gradients = True
    is_main_process = True

    def prepare(self, *parts: Any) -> tuple[Any, ...]:
        """The parts as they are."""
        return parts

    def accumulate(self, *models: nn.Module) -> AbstractContextManager[None]:
        """Nothing to wait for: every backward pass belongs to a step of its own."""
        return nullcontext()

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of the loss."""
        loss.backward()

    def clip_grad_norm_(self, parameters: Iterable[nn.Parameter], max_norm: float) -> Tensor:
        """Scale all gradients to a norm of at most max_norm; () the norm before."""
        return nn.utils.clip_grad_norm_(parameters, max_norm)

    def reduce(self, tensor: Tensor, reduction: str = "mean") -> Tensor:
        """The tensor itself: it is the mean, and the sum, over one process."""
        return tensor


def require_accelerator(accelerator: Any) -> None:
    """Raise TypeError for what is not an accelerator, such as True."""
    missing = [name for name in dir(Alone) if name[0] != "_" and not hasattr(accelerator, name)]
    if missing:
        raise TypeError(
            "accelerator must be an accelerate.Accelerator, such as "
            f'Accelerator(mixed_precision="bf16"); got {accelerator!r}.'
        )


def shares(batch: Any, engine: Any) -> list[Any]:
    """What this process computes of a batch: equal pieces, one for each backward pass.

    Together the processes compute the whole batch, so that its mean gradient does not depend on
    their number.

    Args:
        batch: a tensor (B, ...), or a tuple or list of those, with one B.
        engine: `Alone`, or an accelerator.

    Raises:
        ValueError: B cannot be shared equally.
    """
    pieces = engine.gradient_accumulation_steps
    number = engine.num_processes * pieces
    if number == 1:
        return [batch]
    tensors = [batch] if isinstance(batch, Tensor) else batch
    if not isinstance(tensors, tuple | list) or not all(isinstance(x, Tensor) for x in tensors):
        raise ValueError(
            f"a batch that is shared must be a tensor or a tuple of tensors; got {type(batch)}."
        )
    sizes = {len(x) for x in tensors}
    if len(sizes) != 1 or min(sizes) % number:
        raise ValueError(
            f"a batch must be a multiple of {engine.num_processes} processes x {pieces} pieces = "
            f"{number} examples, to be shared equally; got {sorted(sizes)}. Change batch_size."
        )
    first = engine.process_index * pieces
    cut = list(zip(*(x.chunk(number) for x in tensors), strict=True))[first : first + pieces]
    return [piece[0] if isinstance(batch, Tensor) else piece for piece in cut]
