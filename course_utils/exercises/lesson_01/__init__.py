"""Exercises of lesson 01: data of any variance, from noisy to noisier, equal noise."""

from course_utils.exercises.lesson_01.noisier import NOISIER
from course_utils.exercises.lesson_01.same_noise import SAME_NOISE
from course_utils.exercises.lesson_01.variance import VARIANCE

EXERCISES = [VARIANCE, NOISIER, SAME_NOISE]
