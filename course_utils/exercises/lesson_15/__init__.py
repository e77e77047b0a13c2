"""Exercises of lesson 15: blame the links, the mask of many images, a tool for the chooser."""

from course_utils.exercises.lesson_15.blame import BLAME
from course_utils.exercises.lesson_15.choosing import CHOOSING
from course_utils.exercises.lesson_15.masking import MASKING

EXERCISES = [BLAME, MASKING, CHOOSING]
