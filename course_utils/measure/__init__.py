"""Instruments: what the course measures with, for models and samples of any family."""

from course_utils.measure.chance import Scatter, entropy, subsampled
from course_utils.measure.counting import Calls, count_parameters, counted_calls, forward_flops
from course_utils.measure.distance import (
    Modes,
    Saturation,
    correlation,
    distances,
    energy_distance,
    modes,
    nearest,
    saturation,
)
from course_utils.measure.judges import Judge, classification_loss

__all__ = [
    "Calls",
    "Judge",
    "Modes",
    "Saturation",
    "Scatter",
    "classification_loss",
    "correlation",
    "count_parameters",
    "counted_calls",
    "distances",
    "energy_distance",
    "entropy",
    "forward_flops",
    "modes",
    "nearest",
    "saturation",
    "subsampled",
]
