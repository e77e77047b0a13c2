"""Instruments: what the course measures with, for models and samples of any family."""

from course_utils.measure.chance import Scatter, entropy, subsampled
from course_utils.measure.counting import Calls, count_parameters, counted_calls, forward_flops
from course_utils.measure.distance import (
    Modes,
    Saturation,
    correlation,
    covered,
    distances,
    energy_distance,
    modes,
    nearest,
    saturation,
)
from course_utils.measure.drawings import Seen, see
from course_utils.measure.judges import Judge, classification_loss
from course_utils.measure.laws import Law, fit_law, repeated_fits
from course_utils.measure.motion import Motion, likeness, track
from course_utils.measure.roofline import (
    CARDS,
    Machine,
    Sizes,
    crossing,
    diffusion_seconds,
    measured_machine,
    next_token_seconds,
)
from course_utils.measure.tones import Tones, cents, fit_tones, gathered

__all__ = [
    "CARDS",
    "Calls",
    "Judge",
    "Law",
    "Machine",
    "Modes",
    "Motion",
    "Saturation",
    "Scatter",
    "Seen",
    "Sizes",
    "Tones",
    "cents",
    "classification_loss",
    "correlation",
    "count_parameters",
    "counted_calls",
    "covered",
    "crossing",
    "diffusion_seconds",
    "distances",
    "energy_distance",
    "entropy",
    "fit_law",
    "fit_tones",
    "forward_flops",
    "gathered",
    "likeness",
    "measured_machine",
    "modes",
    "nearest",
    "next_token_seconds",
    "repeated_fits",
    "saturation",
    "see",
    "subsampled",
    "track",
]
