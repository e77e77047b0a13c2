"""Exercises of lesson 11: dialogues as a batch, LoRA out of a full tuning, a calculator."""

from course_utils.exercises.lesson_11.as_batch import AS_BATCH
from course_utils.exercises.lesson_11.calculator import CALCULATOR
from course_utils.exercises.lesson_11.low_rank import LOW_RANK

EXERCISES = [AS_BATCH, LOW_RANK, CALCULATOR]
