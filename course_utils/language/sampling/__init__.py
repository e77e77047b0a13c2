"""From a prompt to a text: choices, the loop, beam search, speculative decoding."""

from course_utils.language.sampling.beam import beam_search
from course_utils.language.sampling.choosing import Choice, next_probs
from course_utils.language.sampling.filters import (
    keep_min_p,
    keep_top_k,
    keep_top_p,
    penalise_repetition,
    scale_temperature,
)
from course_utils.language.sampling.loop import sample
from course_utils.language.sampling.speculative import Guesses, speculate

__all__ = [
    "Choice",
    "Guesses",
    "beam_search",
    "keep_min_p",
    "keep_top_k",
    "keep_top_p",
    "next_probs",
    "penalise_repetition",
    "sample",
    "scale_temperature",
    "speculate",
]
