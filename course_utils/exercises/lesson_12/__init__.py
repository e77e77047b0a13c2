"""Exercises of lesson 12: recall at k, the sigmoid loss, cross-attention with heads and a mask."""

from course_utils.exercises.lesson_12.looking import LOOKING
from course_utils.exercises.lesson_12.recall import RECALL
from course_utils.exercises.lesson_12.sigmoid import SIGMOID

EXERCISES = [RECALL, SIGMOID, LOOKING]
