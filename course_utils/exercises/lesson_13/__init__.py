"""Exercises of lesson 13: two words of one pass, accept or mask, who sees whom in blocks."""

from course_utils.exercises.lesson_13.accepting import ACCEPTING
from course_utils.exercises.lesson_13.apart import APART
from course_utils.exercises.lesson_13.seeing import SEEING

EXERCISES = [APART, ACCEPTING, SEEING]
