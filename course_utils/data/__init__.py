"""Data that needs no download and of which the truth is known: points, images, sound, text."""

from course_utils.data.batches import Batches, Windows
from course_utils.data.clips import Clips, moving_digits
from course_utils.data.digits import Digits, LabelledImages, load_digits
from course_utils.data.facts import TOWNS, World, invented_world
from course_utils.data.grammar import Grammar
from course_utils.data.invented import invented_texts
from course_utils.data.notes import NOTE_NAMES, Notes, note_frequency, random_notes
from course_utils.data.pairs import PAD, START, STOP, Pairs
from course_utils.data.points import Mixture, moons, ring, ring_mixture, spiral
from course_utils.data.reading import END
from course_utils.data.scenes import (
    COLOURS,
    PLACES,
    RELATIONS,
    SHAPES,
    SIZES,
    Placed,
    Related,
    Scene,
    placed_scenes,
    read_caption,
    related_scenes,
)
from course_utils.data.shapes import INK, draw_scenes
from course_utils.data.sound import SAMPLE_RATE, chirp, melody, pitch, pluck, tone
from course_utils.data.summaries import summary_pairs
from course_utils.data.surfaces import (
    SURFACES,
    Clouds,
    Cube,
    Surface,
    SwissRoll,
    Torus,
    random_clouds,
)
from course_utils.data.tales import read_tale, tell
from course_utils.data.text import captions, python_docs, short_stories, split_text, stories
from course_utils.data.translation import translation_pairs
from course_utils.data.wordings import word_scene, word_strange

__all__ = [
    "COLOURS",
    "END",
    "INK",
    "NOTE_NAMES",
    "PAD",
    "PLACES",
    "RELATIONS",
    "SAMPLE_RATE",
    "SHAPES",
    "SIZES",
    "START",
    "STOP",
    "SURFACES",
    "TOWNS",
    "Batches",
    "Clips",
    "Clouds",
    "Cube",
    "Digits",
    "Grammar",
    "LabelledImages",
    "Mixture",
    "Notes",
    "Pairs",
    "Placed",
    "Related",
    "Scene",
    "Surface",
    "SwissRoll",
    "Torus",
    "Windows",
    "World",
    "captions",
    "chirp",
    "draw_scenes",
    "invented_texts",
    "invented_world",
    "load_digits",
    "melody",
    "moons",
    "moving_digits",
    "note_frequency",
    "pitch",
    "placed_scenes",
    "pluck",
    "python_docs",
    "random_clouds",
    "random_notes",
    "read_caption",
    "read_tale",
    "related_scenes",
    "ring",
    "ring_mixture",
    "short_stories",
    "spiral",
    "split_text",
    "stories",
    "summary_pairs",
    "tell",
    "tone",
    "translation_pairs",
    "word_scene",
    "word_strange",
]
