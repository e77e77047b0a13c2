"""Make a trained language model do something else: the loss on answers alone, and LoRA.

Letters: B batch, T tokens, R rank.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.language.objective import shift_targets
from course_utils.layers import at_least_float32, check_sizes


def answer_loss(model: nn.Module, batch: Sequence[Tensor] | Tensor) -> Tensor:
    """Mean cross-entropy of the tokens that are an answer, -log p(next | before), in nats a token.

    What the user says is read and not scored: the model is not to learn to ask.

    Args:
        model: tokens (B, T) -> logits (B, T, V).
        batch: (tokens, answered): texts (B, T + 1), and (B, T + 1) True for each token that is to
            be predicted. The first token of a text has nothing before it and is never scored.

    Returns:
        () loss, at least float32.

    Raises:
        ValueError: the batch is not two tensors of one shape, the mask is not of truth values, or
            no token is an answer.
    """
    if isinstance(batch, Tensor) or len(batch) != 2 or batch[0].shape != batch[1].shape:
        came = "a tensor" if isinstance(batch, Tensor) else [tuple(part.shape) for part in batch]
        raise ValueError(
            f"a batch must be (tokens, answered), two tensors of one shape (B, T + 1); got {came}."
        )
    tokens, answered = batch
    if answered.dtype != torch.bool:
        raise ValueError(f"answered must be truth values; got {answered.dtype}. Use mask.bool().")
    inputs, targets = shift_targets(tokens)
    scored = answered[:, 1:]
    if scored.device.type == "cpu" and not scored.any():  # elsewhere a look would stop the queue
        raise ValueError("no token after the first is an answer, so there is nothing to learn.")
    logits = model(inputs)
    logits = logits.to(at_least_float32(logits.dtype))
    return F.cross_entropy(logits[scored], targets[scored])


class LoRA(nn.Module):
    """A linear map W that stays, plus a product of two thin ones that learns.

    `y = W x + b + (alpha / R) B A x`, with A (R, in) random and B (out, R) zero: it starts as W
    alone, and has R (in + out) weights to train instead of in * out.

    Args:
        linear: W, which is frozen.
        rank: R, from 1 to the smaller side of W.
        alpha: scale, above 0; the rank if None.

    Raises:
        ValueError: a number is out of its range.

    Source: Hu et al. 2021, section 4.1, arXiv:2106.09685.
    """

    scale: Tensor  # () alpha / R

    def __init__(self, linear: nn.Linear, rank: int, alpha: float | None = None) -> None:
        super().__init__()
        check_sizes(rank=rank)
        alpha = float(rank) if alpha is None else alpha
        if rank > min(linear.weight.shape):
            raise ValueError(
                f"a map of shape {tuple(linear.weight.shape)} has at most rank "
                f"{min(linear.weight.shape)}; got rank={rank}. Use a smaller one."
            )
        if not 0 < alpha < math.inf:
            raise ValueError(f"alpha must be above 0 and finite; got {alpha}.")
        self.linear = linear.requires_grad_(False)
        weight = linear.weight
        self.register_buffer("scale", torch.tensor(alpha / rank).to(weight), persistent=False)
        self.a = nn.Parameter(torch.randn_like(weight[:rank]) / math.sqrt(weight.shape[1]))
        self.b = nn.Parameter(torch.zeros_like(weight[:, :rank]))

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out)."""
        return self.linear(x) + self.scale * F.linear(F.linear(x, self.a), self.b)

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """One linear map that does the same: W + (alpha / R) B A."""
        whole = copy.deepcopy(self.linear)  # this pair stays what it was
        whole.weight += self.scale * self.b @ self.a
        return whole.requires_grad_()


def add_lora(
    model: nn.Module, rank: int = 8, alpha: float | None = None, *, skip: Sequence[str] = ()
) -> nn.Module:
    """Freeze a model, in place, and put `LoRA` around each of its linear maps.

    Args:
        model: afterwards only the new weights train, and it says what it said before.
        rank: R; for a map with a smaller side, that side.
        alpha: see `LoRA`.
        skip: names of linear maps to leave alone, such as "logits": those whose last part it is.

    Returns:
        The model.

    Raises:
        ValueError: it has LoRA already, no linear map is left, or one is tied to another place.
    """
    if any(isinstance(module, LoRA) for module in model.modules()):
        raise ValueError("the model has LoRA already: merge_lora(model) first, or take a copy.")
    found = [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if isinstance(child, nn.Linear) and name not in skip
    ]
    if not found:
        raise ValueError(f"no linear map of {type(model).__name__} is left to adapt.")
    weights = [w for module in model.modules() for w in module.parameters(recurse=False)]
    maps = [child for *_, child in found]
    tied = any(sum(w is child.weight for w in weights) > 1 for child in maps)
    if tied or len(set(maps)) < len(maps):
        raise ValueError(
            "a weight stands in two places of the model (tied), and after merging they would "
            "differ. Leave such maps alone: skip=(their names)."
        )
    model.requires_grad_(False)
    for parent, name, child in found:
        setattr(parent, name, LoRA(child, min(rank, *child.weight.shape), alpha))
    return model


def merge_lora(model: nn.Module) -> nn.Module:
    """Undo `add_lora` in place and keep what was learned: each pair of maps becomes one.

    Raises:
        ValueError: the model has no LoRA.
    """
    found = [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if isinstance(child, LoRA)
    ]
    if not found:
        raise ValueError("the model has no LoRA to merge.")
    for parent, name, child in found:
        setattr(parent, name, child.merged())
    return model.requires_grad_()


def lora_weights(model: nn.Module) -> dict[str, Tensor]:
    """The weights of LoRA alone and their scale, by name: all that has to be kept of a tuning."""
    return {name: value.detach().clone() for name, value in _lora_parts(model)}


def load_lora_weights(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Put what `lora_weights` gave into a model to which `add_lora` was applied at the same rank.

    Raises:
        ValueError: names or shapes differ.
    """
    own = lora_weights(model)
    wrong = own.keys() ^ weights.keys() or {n for n in own if own[n].shape != weights[n].shape}
    if wrong:
        raise ValueError(
            "these weights are of another model or rank; they differ in "
            f"{', '.join(sorted(wrong))}."
        )
    with torch.no_grad():
        for name, value in _lora_parts(model):
            value.copy_(weights[name])


def _lora_parts(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """The name and the tensor of each A, B and scale in a model."""
    for name, module in model.named_modules():
        if isinstance(module, LoRA):
            yield f"{name}.a", module.a
            yield f"{name}.b", module.b
            yield f"{name}.scale", module.scale
