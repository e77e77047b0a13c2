"""What chance alone would give: entropies, floors, intervals over seeds."""

from __future__ import annotations

import torch
from torch import Tensor


def entropy(probs: Tensor) -> Tensor:
    """Entropy -sum p log p over the last axis, in nats; (..., V) -> (...)."""
    return torch.special.entr(probs).sum(-1)
