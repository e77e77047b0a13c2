"""Exercises of lesson 09: a draw from one number, typical sampling, beam search."""

from course_utils.exercises.lesson_09.beams import BEAMS
from course_utils.exercises.lesson_09.draw import DRAW
from course_utils.exercises.lesson_09.typical import TYPICAL

EXERCISES = [DRAW, TYPICAL, BEAMS]
