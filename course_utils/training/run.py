"""A training run that can go on after its process has died."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from course_utils.training.checkpoint import (
    CheckpointError,
    differences,
    load_checkpoint,
    save_checkpoint,
)
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
    failure: str = ""  # why the last save failed

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
        """Write all of it, or for a finished run all but the optimizer's state.

        A save on the way that fails is a warning: a full disk must not end the training.
        """
        if self.path is None:
            return
        tensors = self.weights() | {"loss": torch.tensor(self.history.loss)}
        tensors["random.cpu"] = torch.get_rng_state()
        if torch.cuda.is_available():
            tensors["random.cuda"] = torch.cuda.get_rng_state()
        if not finished:
            for index, state in self.optimizer.state_dict()["state"].items():
                tensors |= {f"optimizer.{index}.{key}": value for key, value in state.items()}
        try:
            save_checkpoint(self.path, tensors, config=self.config, seconds=self.history.seconds)
            self.failure = ""
        except OSError as error:
            if finished:
                raise
            self.failure = f"{self.path.name} could not be saved ({error})"
            warnings.warn(f"{self.failure}; the training goes on.", stacklevel=3)

    def resume(self) -> None:
        """Load the checkpoint if there is one, and say so in a line.

        Afterwards the random state is the one that the saved steps left behind, so that what
        follows a training is the same whether it ran here or was loaded.

        Raises:
            CheckpointError: the file is damaged, or belongs to another configuration.
        """
        if self.path is None or not self.path.exists():
            return
        tensors, description = load_checkpoint(self.path)
        if not self._fits(tensors, description):
            return
        self.model.load_state_dict(part(tensors, "model."))
        if self.ema is not None:
            self.ema.model.load_state_dict(part(tensors, "ema."))
        self.history = History(tensors["loss"].tolist(), description["seconds"])
        torch.set_rng_state(tensors["random.cpu"])
        if "random.cuda" in tensors and torch.cuda.is_available():
            torch.cuda.set_rng_state(tensors["random.cuda"])
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
        print(f"Resumed {self.path.name} at step {done} of {num_steps}.")

    def _fits(self, tensors: Mapping[str, Tensor], description: Mapping[str, Any]) -> bool:
        """Whether the file is of this configuration; weights that the course ships need not be.

        Raises:
            CheckpointError: it is not, and it is the learner's own.
        """
        assert self.path is not None
        if missing := {"config", "seconds"} - description.keys() or {"loss"} - tensors.keys():
            raise CheckpointError(
                f"{self.path.name} was not written by fit: it has no {', '.join(sorted(missing))}. "
                "Give another checkpoint name, or use restart=True to replace it."
            )
        differing = differences(description["config"], self.config)
        differing = differing or differences(shapes(tensors), shapes(self.weights()))
        if not differing:
            return True
        if description.get("shipped"):
            print(f"The shipped weights are of another configuration ({differing}): training here.")
            return False
        raise CheckpointError(
            f"{self.path.name} belongs to another configuration ({differing}). Use restart=True "
            "to train anew and replace it, or another checkpoint name to keep it."
        )

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
        if self.failure:
            return f"{done}; {self.failure}. Run the cell again to go on from an earlier save."
        return f"{done}; saved to {self.path.name}. Run the cell again to go on."


def part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose name starts with the prefix, without it."""
    return {
        name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)
    }


def shapes(tensors: Mapping[str, Tensor]) -> dict[str, list[int]]:
    """Name -> shape of the weights among the tensors."""
    return {
        name: list(value.shape)
        for name, value in tensors.items()
        if name.startswith(("model.", "ema."))
    }
