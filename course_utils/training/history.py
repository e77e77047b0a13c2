"""What a training looked like."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class History:
    """What `fit` saw: one entry a step.

    Attributes:
        loss: loss of each step's batch.
        seconds: wall time spent in training, over all sittings.
    """

    loss: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def __repr__(self) -> str:
        """Say in a line what a cell would show: a thousand losses are a figure, not a text."""
        tail = self.loss[-max(1, len(self.loss) // 20) :]
        mean = sum(tail) / len(tail) if tail else float("nan")
        return f"{len(self.loss)} steps, loss {mean:.3f} over the last {len(tail)}"
