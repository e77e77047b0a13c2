"""Exercises of lesson 07: a safe softmax, a window, induction by hand, reading once."""

from course_utils.exercises.lesson_07.by_hand import BY_HAND
from course_utils.exercises.lesson_07.read_once import READ_ONCE
from course_utils.exercises.lesson_07.softmax import SOFTMAX
from course_utils.exercises.lesson_07.window import WINDOW

EXERCISES = [SOFTMAX, WINDOW, BY_HAND, READ_ONCE]
