"""Exercises of lesson 02: unequal examples, the sampler, what v implies, a training loop."""

from course_utils.exercises.lesson_02.from_v import FROM_V
from course_utils.exercises.lesson_02.loop import LOOP
from course_utils.exercises.lesson_02.sampler import SAMPLER
from course_utils.exercises.lesson_02.weights import GUESS

EXERCISES = [GUESS, SAMPLER, FROM_V, LOOP]
