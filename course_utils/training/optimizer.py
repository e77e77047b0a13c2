"""Optimizers: AdamW, and Muon for the hidden matrices of a network."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer


def adamw(model: nn.Module, learning_rate: float = 3e-3, weight_decay: float = 0.01) -> Optimizer:
    """AdamW in one fused step; only matrices and kernels decay, not biases and norms.

    Args:
        model: whose trainable weights it takes.
        learning_rate: peak rate, above 0.
        weight_decay: of matrices and kernels, >= 0.

    Raises:
        ValueError: a number is outside its range.

    Source: Loshchilov & Hutter 2019, arXiv:1711.05101.
    """
    check_recipe(learning_rate, weight_decay)
    return AdamW(groups(trained(model), learning_rate, weight_decay), **ADAMW)


def muon(model: nn.Module, learning_rate: float = 0.02, weight_decay: float = 0.0) -> Optimizer:
    """`Muon` for the hidden matrices of a model, AdamW for everything else, at one rate.

    Args:
        model: its `hidden_matrices` are found by type and by `edges`.
        learning_rate: peak rate of both, above 0; three to ten times what AdamW alone would take.
        weight_decay: of all matrices and kernels, >= 0.

    Raises:
        ValueError: a number is outside its range, or no module names its `edges`.
    """
    check_recipe(learning_rate, weight_decay)
    hidden = hidden_matrices(model)
    known = {id(p) for p in hidden}
    others = [p for p in trained(model) if id(p) not in known]
    return Muon(hidden, groups(others, learning_rate, weight_decay), learning_rate, weight_decay)


def check_recipe(learning_rate: float, weight_decay: float, momentum: float = 0.0) -> None:
    """Raise ValueError for numbers that no optimizer should have."""
    if not 0 < learning_rate < math.inf:
        raise ValueError(f"learning_rate must be above 0 and finite; got {learning_rate}.")
    if not 0 <= weight_decay < 1 / learning_rate:
        raise ValueError(
            f"weight_decay must be >= 0 and below 1 / learning_rate = {1 / learning_rate:g}, or a "
            f"step would turn the signs of the weights; got {weight_decay}."
        )
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum must lie in [0, 1); got {momentum}.")


ADAMW: dict[str, Any] = {"betas": (0.9, 0.99), "fused": True}


def trained(model: nn.Module) -> list[nn.Parameter]:
    """The parameters that are to be trained."""
    return [p for p in model.parameters() if p.requires_grad]


def groups(
    parameters: Iterable[nn.Parameter], learning_rate: float, weight_decay: float
) -> list[dict[str, Any]]:
    """Two groups of AdamW: what decays (two axes or more), and what does not."""
    parameters = list(parameters)
    return [
        {
            "params": [p for p in parameters if (p.ndim >= 2) is decays],
            "lr": learning_rate,
            "weight_decay": weight_decay if decays else 0.0,
        }
        for decays in (True, False)
    ]


def hidden_matrices(model: nn.Module) -> list[nn.Parameter]:
    """Weights of linear maps and convolutions that neither read the data nor give the answer.

    A module says by a tuple `edges` which of its parts are the first and the last ones.

    Raises:
        ValueError: no module says so. Its first and last layer would be taken for hidden ones.
    """
    if not any(hasattr(module, "edges") for module in model.modules()):
        raise ValueError(
            f"Muon is for hidden layers, and {type(model).__name__} does not say which layers read "
            'the data and give the answer. Name them: model.edges = ("enter", "leave"), or () if '
            "every layer is hidden. Or use adamw(model)."
        )
    edges = {
        id(p)
        for module in model.modules()
        for name in getattr(module, "edges", ())
        for p in getattr(module, name).parameters()
    }
    inner = [m for m in model.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    weights = {id(m.weight) for m in inner} - edges
    return [p for p in trained(model) if id(p) in weights]


class Muon(AdamW):
    """Momentum, then the nearest orthogonal matrix: every direction moves by the same amount.

    The gradient of a matrix is usually dominated by a few directions. AdamW follows them and
    hardly moves the rest; here all singular values of the step become about 1. A kernel counts as
    a matrix with one row for each channel that it makes. All other parameters are left to AdamW.

    Args:
        hidden: matrices and kernels, two axes or more.
        others: parameter groups of AdamW.
        learning_rate: of the matrices; a step has this size in every direction.
        weight_decay: share of the weights, times the rate, that is taken away in a step.
        momentum: share of the past gradients in the running mean.

    Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks".
    torch.optim.Muon is the same for matrices only; a test compares the two.
    """

    def __init__(
        self,
        hidden: Iterable[nn.Parameter],
        others: list[dict[str, Any]],
        learning_rate: float = 0.02,
        weight_decay: float = 0.0,
        momentum: float = 0.95,
    ) -> None:
        check_recipe(learning_rate, weight_decay, momentum)
        super().__init__(others, **ADAMW)
        group = {"params": list(hidden), "lr": learning_rate, "weight_decay": weight_decay}
        self.add_param_group(group | {"momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step of all parameters, from their gradients."""
        for group in self.param_groups:
            if "momentum" in group:
                for p in group["params"]:
                    if p.grad is not None:
                        self._orthogonal_step(p, group)
                        p.grad = None  # AdamW passes over what has no gradient
        return super().step(closure)

    def _orthogonal_step(self, p: Tensor, group: dict[str, Any]) -> None:
        state, grad, rate = self.state[p], p.grad, group["lr"]
        assert grad is not None
        if not state:  # named as AdamW's, which checks them when it loads
            state |= {"step": torch.zeros(()), "exp_avg": torch.zeros_like(p)}
        found = getattr(self, "found_inf", None)  # set by the loop: a bad step changes nothing
        if found is not None:
            grad = torch.where(found.bool(), state["exp_avg"], grad)
            rate = rate * (1 - found)
        state["step"] += 1
        state["exp_avg"].lerp_(grad, 1 - group["momentum"])
        ahead = grad.lerp(state["exp_avg"], group["momentum"])  # Nesterov's momentum
        matrix = ahead.flatten(1)
        scale = max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
        p.mul_(1 - rate * group["weight_decay"])
        p.sub_(orthogonal(matrix).view_as(p) * (rate * scale))


def orthogonal(matrix: Tensor, num_rounds: int = 5) -> Tensor:
    """The orthogonal matrix next to a matrix (M, N), roughly: U V^T of its U S V^T.

    An odd polynomial of the matrix changes its singular values alone. This one, applied five times,
    pushes all that are not tiny to between 0.7 and 1.2, which is near enough to train with.

    Source: the Newton-Schulz iteration and coefficients of Jordan et al. 2024.
    """
    x = matrix / (matrix.norm() + 1e-7)  # all singular values in [0, 1]
    tall = x.shape[0] > x.shape[1]
    x = x.mT if tall else x
    for _ in range(num_rounds):
        gram = x @ x.mT
        x = torch.addmm(
            x, torch.addmm(gram, gram, gram, beta=-4.7750, alpha=2.0315), x, beta=3.4445
        )
    return x.mT if tall else x
