"""What a recipe is, and how its shipped weights are found."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.optim import Optimizer

from course_utils.data.batches import Stream
from course_utils.training import History, Loss, fit, load_checkpoint
from course_utils.training.checkpoint import CheckpointError, differences, part, shapes

WEIGHTS = Path(__file__).resolve().parents[1] / "weights"


@dataclass(frozen=True)
class Recipe:
    """All that decides what a training ends with.

    Attributes:
        name: that of its module and of its file of weights.
        model: makes the untrained model.
        batches: makes the stream of batches.
        loss: loss(model, batch) -> () to minimise.
        optimizer: makes the optimizer of a model.
        num_steps: length of the training.
        seed: of the first weights, and of the noise of every step.
    """

    name: str
    model: Callable[[], nn.Module]
    batches: Callable[[], Stream]
    loss: Loss
    optimizer: Callable[[nn.Module], Optimizer]
    num_steps: int
    seed: int = 0

    def untrained(self) -> nn.Module:
        """The model before its first step. Seeds torch's global generator, as the steps need it."""
        torch.manual_seed(self.seed)
        return self.model()

    def train(self, checkpoint: str | Path | None = None) -> tuple[nn.Module, History]:
        """Train the model from nothing; with a checkpoint it goes on after an interruption."""
        model = self.untrained()
        history = fit(
            model,
            self.batches(),
            self.loss,
            num_steps=self.num_steps,
            optimizer=self.optimizer(model),
            checkpoint=checkpoint,
        )
        return model, history


def names() -> list[str]:
    """The names of all recipes."""
    package = importlib.import_module(__package__ or "course_utils.recipes")
    others = {  # this module, and what keeps scores and no weights
        "recipe",
        "runs",
        "variants",
        "painters",
        "partners",
        "ways",
        "crossings",
        "rivals",
    }
    return sorted({m.name for m in pkgutil.iter_modules(package.__path__)} - others)


def find(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        ValueError: there is none; the message lists them.
    """
    if name not in names():
        raise ValueError(f"there is no recipe {name!r}. The recipes are: {', '.join(names())}.")
    recipe: Recipe = importlib.import_module(f"course_utils.recipes.{name}").RECIPE
    return recipe


def load(name: str, device: torch.device | str = "cpu") -> nn.Module:
    """The trained model of a recipe, from the weights that come with the package.

    Args:
        name: such as "digits".
        device: where the model is to be.

    Returns:
        The model in evaluation mode, its weights frozen: a lesson that trains it further says so by
        ``model.requires_grad_()``.

    Raises:
        ValueError: there is no such recipe.
        CheckpointError: the file is damaged, or of another network than the recipe makes.
    """
    recipe = find(name)
    with torch.random.fork_rng(devices=[]):  # a lesson's random numbers are its own
        model = recipe.untrained()
    tensors = load_checkpoint(WEIGHTS / f"{name}.safetensors")[0]
    needed = {f"model.{key}": value for key, value in model.state_dict().items()}
    if differing := differences(shapes(tensors), shapes(needed)):
        raise CheckpointError(
            f"{name}.safetensors holds another network than the recipe makes ({differing}). Make "
            f"it anew: make checkpoints ONLY={name}"
        )
    model.load_state_dict(part(tensors, "model."))
    return model.to(device).eval().requires_grad_(False)
