"""Exercises of lesson 06: temperature, merges, cross-entropy, counting with back-off, bits."""

from course_utils.exercises.lesson_06.back_off import BACK_OFF
from course_utils.exercises.lesson_06.bits import BITS
from course_utils.exercises.lesson_06.cross_entropy import CROSS_ENTROPY
from course_utils.exercises.lesson_06.encode import ENCODE
from course_utils.exercises.lesson_06.temperature import TEMPERATURE

EXERCISES = [TEMPERATURE, ENCODE, CROSS_ENTROPY, BACK_OFF, BITS]
