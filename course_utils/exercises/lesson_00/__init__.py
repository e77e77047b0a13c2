"""The exercise of lesson 00: read the clock of a sampler."""

from course_utils.exercises.lesson_00.clock import CLOCK

EXERCISES = [CLOCK]
