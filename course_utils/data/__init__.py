"""Data that needs no download and of which the truth is known: points, digits, text and sound."""

from course_utils.data.batches import Batches, Windows
from course_utils.data.digits import Digits, LabelledImages, load_digits
from course_utils.data.grammar import Grammar
from course_utils.data.invented import invented_texts
from course_utils.data.points import Mixture, moons, ring, ring_mixture, spiral
from course_utils.data.reading import END
from course_utils.data.sound import SAMPLE_RATE, chirp, melody, pitch, pluck, tone
from course_utils.data.text import captions, python_docs, split_text, stories

__all__ = [
    "END",
    "SAMPLE_RATE",
    "Batches",
    "Digits",
    "Grammar",
    "LabelledImages",
    "Mixture",
    "Windows",
    "captions",
    "chirp",
    "invented_texts",
    "load_digits",
    "melody",
    "moons",
    "pitch",
    "pluck",
    "python_docs",
    "ring",
    "ring_mixture",
    "spiral",
    "split_text",
    "stories",
    "tone",
]
