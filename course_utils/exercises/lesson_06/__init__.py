"""Exercises of lesson 06: temperature, counting with back-off, cross-entropy, merges, bits."""

from course_utils.exercises.lesson_06.back_off import BACK_OFF
from course_utils.exercises.lesson_06.bits import BITS
from course_utils.exercises.lesson_06.cross_entropy import CROSS_ENTROPY
from course_utils.exercises.lesson_06.encode import ENCODE
from course_utils.exercises.lesson_06.temperature import TEMPERATURE

EXERCISES = [TEMPERATURE, BACK_OFF, CROSS_ENTROPY, ENCODE, BITS]
