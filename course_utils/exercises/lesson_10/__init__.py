"""Exercises of lesson 10: one look over several sources, exact match, greedy writing."""

from course_utils.exercises.lesson_10.greedy import GREEDY
from course_utils.exercises.lesson_10.matches import MATCHES
from course_utils.exercises.lesson_10.several import SEVERAL

EXERCISES = [SEVERAL, MATCHES, GREEDY]
