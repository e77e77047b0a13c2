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
    part,
    save_checkpoint,
    shapes,
    without,
)
from course_utils.training.checks import is_broken
from course_utils.training.history import History
from course_utils.training.identity import EXACT


@dataclass
class Run:
    """What must be on disk so that a run can go on.

    The random numbers of a step follow from the seed and the step, so their state need not be.
    """

    model: nn.Module
    optimizer: Optimizer
    ema: EMA | None
    config: Mapping[str, Any]
    path: Path | None
    seed: int = field(default_factory=torch.initial_seed)
    speaks: bool = True  # of several processes one alone prints and writes
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

        A save on the way that fails is a warning: a full disk must not end the training. Weights
        that are not finite are not saved: they must not replace good ones.
        """
        if self.path is None or not self.speaks:
            return
        tensors = self.weights() | {"loss": torch.tensor(self.history.loss)}
        if is_broken(self.model):
            self.failure = f"{self.path.name} was not saved (its weights are infinite or nan)"
            warnings.warn(f"{self.failure}; an earlier save stands.", stacklevel=3)
            return
        if not finished:
            for index, state in self.optimizer.state_dict()["state"].items():
                tensors |= {f"optimizer.{index}.{key}": value for key, value in state.items()}
        try:
            save_checkpoint(
                self.path,
                tensors,
                config=self.config,
                seconds=self.history.seconds,
                seed=self.seed,
                ema_updates=self.ema.num_updates if self.ema else 0,
            )
            self.failure = ""
        except OSError as error:
            if finished:
                raise
            self.failure = f"{self.path.name} could not be saved ({error})"
            warnings.warn(f"{self.failure}; the training goes on.", stacklevel=3)

    def resume(self) -> None:
        """Load the checkpoint if there is one, and say so in a line.

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
            self.ema.num_updates = description["ema_updates"]
        self.history = History(tensors["loss"].tolist(), description["seconds"])
        self._say_resumed(description)
        self.seed = description["seed"]
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in part(tensors, "optimizer.").items():
            index, key = name.split(".", 1)
            state.setdefault(int(index), {})[key] = value
        if state:  # a finished run has kept none
            groups = self.optimizer.state_dict()["param_groups"]
            self.optimizer.load_state_dict({"state": state, "param_groups": groups})

    def _say_resumed(self, description: Mapping[str, Any]) -> None:
        """Say what was loaded, and what of it is not as it would have been in one go."""
        assert self.path is not None
        name, done, num_steps = self.path.name, len(self.history.loss), self.config["num_steps"]
        planned = description["config"]["num_steps"]
        if done == num_steps:
            self.say(f"Loaded the trained weights of {name} ({done} steps).")
            return
        self.say(f"Resumed {name} at step {done} of {num_steps}.")
        if planned != num_steps:
            anew = " and the optimizer begins anew" if done == planned else ""
            self.say(
                f"It was planned for {planned} steps: the learning rate follows the plan for "
                f"{num_steps} from here on{anew}."
            )
        if description["seed"] != self.seed:
            self.say(f"It goes on with its own seed, {description['seed']}, not {self.seed}.")

    def say(self, line: str) -> None:
        """Print a line, in one process of several."""
        if self.speaks:
            print(line)

    def _fits(self, tensors: Mapping[str, Tensor], description: Mapping[str, Any]) -> bool:
        """Whether the file is of this configuration; weights that the course ships need not be.

        Raises:
            CheckpointError: it is not, and it is the learner's own.
        """
        assert self.path is not None
        needed = {"config", "seconds", "seed", "ema_updates"}
        if missing := needed - description.keys() or {"loss"} - tensors.keys():
            raise CheckpointError(
                f"{self.path.name} was not written by fit: it has no {', '.join(sorted(missing))}. "
                "Give another checkpoint name, or use restart=True to replace it."
            )
        shipped, found, here = description.get("shipped"), description["config"], self.config
        # What was not trained here need not have these hashes, which are of one machine; and a run
        # may go on to a later end.
        apart = {EXACT, "num_steps"} if self._longer(found, tensors) and not shipped else {EXACT}
        exact = {} if shipped else found.get(EXACT, {}), {} if shipped else here.get(EXACT, {})
        differing = (
            differences(without(found, apart), without(here, apart))
            or differences(shapes(tensors), shapes(self.weights()))
            or differences(*exact)
        )
        if not differing:
            return True
        if shipped:
            self.say(
                f"The shipped weights are of another configuration ({differing}): training here."
            )
            return False
        raise CheckpointError(
            f"{self.path.name} belongs to another configuration ({differing}). Use restart=True "
            "to train anew and replace it, or another checkpoint name to keep it."
        )

    def _longer(self, found: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> bool:
        """Whether the file's run goes on here to a later end than it was planned for."""
        here = self.config["num_steps"]
        return here > found.get("num_steps", here) and here > len(tensors["loss"])

    def keep(self) -> None:
        """Leave the trained weights in the file, without the optimizer's state."""
        self.save(finished=True)

    def finish(self) -> None:
        """Remove the file, which only served to resume: no later training must find old weights."""
        if self.path is not None and self.speaks:
            self.path.unlink(missing_ok=True)

    def farewell(self) -> str:
        """What an interrupted run says."""
        done = f"interrupted after step {len(self.history.loss)} of {self.config['num_steps']}"
        if self.path is None:
            return f"{done}; not saved. Give fit a checkpoint=... to be able to go on."
        if self.failure:
            return f"{done}; {self.failure}. Run the cell again to go on from an earlier save."
        return f"{done}; saved to {self.path.name}. Run the cell again to go on."
