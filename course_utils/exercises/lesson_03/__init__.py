"""Exercises of lesson 03: EDM's grid, a step that knows its error, up and down again."""

from course_utils.exercises.lesson_03.churn import CHURN
from course_utils.exercises.lesson_03.halving import HALVING
from course_utils.exercises.lesson_03.ratios import RATIOS

EXERCISES = [RATIOS, HALVING, CHURN]
