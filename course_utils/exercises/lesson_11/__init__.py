"""Exercises of lesson 11: reading an answer, LoRA out of a full tuning, a calculator."""

from course_utils.exercises.lesson_11.calculator import CALCULATOR
from course_utils.exercises.lesson_11.last_answer import LAST_ANSWER
from course_utils.exercises.lesson_11.low_rank import LOW_RANK

EXERCISES = [LAST_ANSWER, LOW_RANK, CALCULATOR]
