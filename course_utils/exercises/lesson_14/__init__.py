"""Exercises of lesson 14: the time of a text, where two costs cross, a row of the bench."""

from course_utils.exercises.lesson_14.costing import COSTING
from course_utils.exercises.lesson_14.crossing import CROSSING
from course_utils.exercises.lesson_14.rows import ROW

EXERCISES = [COSTING, CROSSING, ROW]
