"""Exercises of lesson 05: a clip from its pieces, the centre of the ink, sounds of any length."""

from course_utils.exercises.lesson_05.centre import CENTRE
from course_utils.exercises.lesson_05.longer import LONGER
from course_utils.exercises.lesson_05.pieces import PIECES

EXERCISES = [PIECES, CENTRE, LONGER]
