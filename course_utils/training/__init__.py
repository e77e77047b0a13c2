"""One training loop for every model of the course. It knows no model and no loss.

`train_steps` is the loop, a generator of records. `fit` drains it, shows progress, and survives
interruption.
"""

from course_utils.training.accelerate import accelerated
from course_utils.training.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from course_utils.training.fit import fit
from course_utils.training.loop import EMA, constant, train_steps, warmup_cosine
from course_utils.training.optimizer import Muon, adamw, muon
from course_utils.training.run import History

__all__ = [
    "EMA",
    "CheckpointError",
    "History",
    "Muon",
    "accelerated",
    "adamw",
    "constant",
    "fit",
    "load_checkpoint",
    "muon",
    "save_checkpoint",
    "train_steps",
    "warmup_cosine",
]
