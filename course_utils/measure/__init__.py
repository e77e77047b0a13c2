"""Instruments: what the course measures with, for models and samples of any family."""

from course_utils.measure.chance import entropy
from course_utils.measure.counting import Calls, count_parameters, counted_calls, forward_flops
from course_utils.measure.distances import correlation, distances, energy_distance, share_near
from course_utils.measure.judges import Judge, classification_loss

__all__ = [
    "Calls",
    "Judge",
    "classification_loss",
    "correlation",
    "count_parameters",
    "counted_calls",
    "distances",
    "energy_distance",
    "entropy",
    "forward_flops",
    "share_near",
]
