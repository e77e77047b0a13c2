"""Exercises of lesson 05: the centre of the ink, a clip from its pieces, sounds of any length."""

from course_utils.exercises.lesson_05.centre import CENTRE
from course_utils.exercises.lesson_05.longer import LONGER
from course_utils.exercises.lesson_05.pieces import PIECES

EXERCISES = [CENTRE, PIECES, LONGER]
