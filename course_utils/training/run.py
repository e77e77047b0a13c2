"""A training run that can go on after its process has died."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from course_utils.training.checkpoint import check_config, load_checkpoint, save_checkpoint
from course_utils.training.loop import EMA


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


@dataclass
class Run:
    """What must be on disk so that a run can go on."""

    model: nn.Module
    optimizer: Optimizer
    ema: EMA | None
    config: Mapping[str, Any]
    path: Path | None
    history: History = field(default_factory=History)

    def collect(self, losses: list[Tensor], seconds: float) -> None:
        """Move new losses into the history; emptying the list."""
        if losses:
            self.history.loss += torch.stack(losses).float().tolist()
        losses.clear()
        self.history.seconds = seconds

    def weights(self) -> dict[str, Tensor]:
        """Name -> tensor of the model and of its average."""
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        if self.ema is not None:
            average = self.ema.model.state_dict()
            tensors |= {f"ema.{name}": value for name, value in average.items()}
        return tensors

    def save(self, finished: bool = False) -> None:
        """Write all of it, or for a finished run the weights and losses alone."""
        if self.path is None:
            return
        tensors = self.weights() | {"loss": torch.tensor(self.history.loss)}
        if not finished:
            tensors["random.cpu"] = torch.get_rng_state()
            if torch.cuda.is_available():
                tensors["random.cuda"] = torch.cuda.get_rng_state()
            for index, state in self.optimizer.state_dict()["state"].items():
                tensors |= {f"optimizer.{index}.{key}": value for key, value in state.items()}
        save_checkpoint(self.path, tensors, config=self.config, seconds=self.history.seconds)

    def resume(self) -> None:
        """Load the checkpoint if there is one, and say so in a line."""
        if self.path is None or not self.path.exists():
            return
        tensors, description = load_checkpoint(self.path)
        check_config(self.path, description["config"], self.config)
        self.model.load_state_dict(part(tensors, "model."))
        if self.ema is not None:
            self.ema.model.load_state_dict(part(tensors, "ema."))
        self.history = History(tensors["loss"].tolist(), description["seconds"])
        done, num_steps = len(self.history.loss), self.config["num_steps"]
        if done == num_steps:
            print(f"Loaded the trained weights of {self.path.name} ({done} steps).")
            return
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in part(tensors, "optimizer.").items():
            index, key = name.split(".", 1)
            state.setdefault(int(index), {})[key] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})
        torch.set_rng_state(tensors["random.cpu"])
        if "random.cuda" in tensors and torch.cuda.is_available():
            torch.cuda.set_rng_state(tensors["random.cuda"])
        print(f"Resumed {self.path.name} at step {done} of {num_steps}.")

    def finish(self, keep: bool) -> None:
        """Keep the trained weights, or remove the file that only served to resume."""
        if keep:
            self.save(finished=True)
        elif self.path is not None:
            self.path.unlink(missing_ok=True)

    def farewell(self) -> str:
        """What an interrupted run says."""
        done = f"interrupted after step {len(self.history.loss)} of {self.config['num_steps']}"
        if self.path is None:
            return f"{done}; not saved. Give fit a checkpoint=... to be able to go on."
        return f"{done}; saved to {self.path.name}. Run the cell again to go on."


def part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose name starts with the prefix, without it."""
    return {
        name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)
    }
