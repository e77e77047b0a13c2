"""Exercises of lesson 15: blame the links, the mask of many images, a tool for the chooser."""

from course_utils.exercises.lesson_15.blame import BLAME
from course_utils.exercises.lesson_15.choosing import CHOOSING
from course_utils.exercises.lesson_15.masking import MASKING
from course_utils.exercises.lesson_15.tasks import TASKS, marked

EXERCISES = [BLAME, MASKING, CHOOSING]

__all__ = ["EXERCISES", "TASKS", "marked"]
