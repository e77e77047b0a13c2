"""Exercises of lesson 10: exact match, the mask of a prefix, greedy writing."""

from course_utils.exercises.lesson_10.greedy import GREEDY
from course_utils.exercises.lesson_10.matches import MATCHES
from course_utils.exercises.lesson_10.prefix import PREFIX

EXERCISES = [MATCHES, PREFIX, GREEDY]
