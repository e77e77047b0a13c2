"""One training loop for every model of the course. It knows no model and no loss.

`train_steps` is the loop, a generator of records. `fit` drains it, shows progress, and survives
interruption.
"""

from course_utils.training.average import EMA
from course_utils.training.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from course_utils.training.fitting import fit
from course_utils.training.history import History
from course_utils.training.loop import step_seed, train_steps
from course_utils.training.optimizer import Muon, adamw, muon
from course_utils.training.processes import Loss
from course_utils.training.rates import constant, warmup_cosine

__all__ = [
    "EMA",
    "CheckpointError",
    "History",
    "Loss",
    "Muon",
    "adamw",
    "constant",
    "fit",
    "load_checkpoint",
    "muon",
    "save_checkpoint",
    "step_seed",
    "train_steps",
    "warmup_cosine",
]
