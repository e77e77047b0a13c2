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

from course_utils.training.average import EMA
from course_utils.training.checkpoint import (
    CheckpointError,
    differences,
    load_checkpoint,
    save_checkpoint,
)
from course_utils.training.history import History
from course_utils.training.identity import Identity
from course_utils.training.rates import RateSchedule
from course_utils.training.watch import is_broken


@dataclass
class Run:
    """What must be on disk so that a run can go on."""

    model: nn.Module
    optimizer: Optimizer
    ema: EMA | None
    num_steps: int
    path: Path | None = None
    identity: Identity | None = None  # given with the path
    is_main: bool = True  # of several processes one prints and writes
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

    def save(self) -> None:
        """Write all that a run needs to go on.

        A save that fails is a warning: a full disk must not end the training. Weights that are not
        finite are no reason to lose the good ones in the file.
        """
        if self.path is None or not self.is_main:
            return
        assert self.identity is not None
        tensors = self.weights() | {"loss": torch.tensor(self.history.loss)}
        for index, state in self.optimizer.state_dict()["state"].items():
            kept = {key: value for key, value in state.items() if value is not None}
            tensors |= {f"optimizer.{index}.{key}": value for key, value in kept.items()}
        try:
            if is_broken(self.model):
                raise OSError("its weights are infinite or nan")
            save_checkpoint(
                self.path,
                tensors,
                config=self.identity.config | {"num_steps": self.num_steps},
                exact=self.identity.exact,
                seconds=self.history.seconds,
                ema_updates=self.ema.num_updates if self.ema else 0,
            )
            self.failure = ""
        except OSError as error:
            self.failure = f"{self.path.name} could not be saved ({error})"
            warnings.warn(f"{self.failure}; the training goes on.", stacklevel=3)

    def resume(self, lr_schedule: RateSchedule) -> None:
        """Load the checkpoint if there is one, and say so in a line.

        Raises:
            CheckpointError: the file is damaged, or belongs to another training.
        """
        assert self.path is not None
        if not self.path.exists():
            return
        tensors, description = load_checkpoint(self.path)
        if not self._fits(tensors, description):
            return
        self.model.load_state_dict(part(tensors, "model."))
        if self.ema is not None:
            self.ema.model.load_state_dict(part(tensors, "ema."))
            self.ema.num_updates = description["ema_updates"]
        self.history = History(tensors["loss"].tolist(), description["seconds"])
        done, planned = len(self.history.loss), description["config"]["num_steps"]
        if done == self.num_steps:
            self._say(f"Loaded the trained weights of {self.path.name} ({done} steps).")
            return
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in part(tensors, "optimizer.").items():
            index, key = name.split(".", 1)
            state.setdefault(int(index), {})[key] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})
        self._say(f"Resumed {self.path.name} at step {done} of {self.num_steps}.")
        if planned != self.num_steps:
            last, now = lr_schedule((done - 1) / planned), lr_schedule(done / self.num_steps)
            self._say(
                f"It was begun for {planned} steps; the longer schedule moves the learning rate "
                f"from {last:.0%} to {now:.0%} of its peak."
            )

    def _fits(self, tensors: Mapping[str, Tensor], description: Mapping[str, Any]) -> bool:
        """Whether the file is of this training; weights that the course ships need not be.

        Raises:
            CheckpointError: it is not, and it is the learner's own.
        """
        assert self.path is not None
        assert self.identity is not None
        needed = {"config", "exact", "seconds", "ema_updates"}
        if missing := needed - description.keys() or {"loss"} - tensors.keys():
            raise CheckpointError(
                f"{self.path.name} was not written by fit: it has no {', '.join(sorted(missing))}. "
                "Give another checkpoint name, or use restart=True to replace it."
            )
        shipped, config = description.get("shipped"), dict(description["config"])
        here = self.identity.config | {"num_steps": self.num_steps}
        if not shipped and config["num_steps"] < self.num_steps:
            config["num_steps"] = self.num_steps  # training longer is no other training
        differing = differences(config, here)
        differing = differing or differences(shapes(tensors), shapes(self.weights()))
        if not shipped:  # else it was made on another machine, where the hashes may differ
            differing = differing or differences(description["exact"], self.identity.exact)
        if not differing:
            return True
        if shipped:
            self._say(f"The shipped weights are of another training ({differing}): training here.")
            return False
        again = ""
        if config == here | {"seed": config.get("seed")}:
            again = f"To go on, call torch.manual_seed({config['seed']}) first. "
        raise CheckpointError(
            f"{self.path.name} belongs to another training ({differing}). {again}Use "
            "restart=True to train anew and replace it, or another checkpoint name to keep it."
        )

    def finish(self) -> None:
        """Remove the file that only served to resume: a changed cell must not meet old weights."""
        if self.path is not None and self.is_main:
            self.path.unlink(missing_ok=True)

    def farewell(self) -> str:
        """What an interrupted run says."""
        done = f"interrupted after step {len(self.history.loss)} of {self.num_steps}"
        if self.path is None:
            return f"{done}; not saved. Give fit a checkpoint=... to be able to go on."
        if self.failure:
            return f"{done}; {self.failure}. Run the cell again to go on from an earlier save."
        return f"{done}; saved to {self.path.name}. Run the cell again to go on."

    def _say(self, line: str) -> None:
        if self.is_main:
            print(line)


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
