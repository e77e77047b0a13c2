"""Exercises of lesson 04: contrast under guidance, enlarging, the arc between two noises."""

from course_utils.exercises.lesson_04.arc import ARC
from course_utils.exercises.lesson_04.enlarge import ENLARGE
from course_utils.exercises.lesson_04.rescale import RESCALE

EXERCISES = [RESCALE, ENLARGE, ARC]
