"""Exercises of lesson 08: rotary positions, a batch in pieces, every token once."""

from course_utils.exercises.lesson_08.once import ONCE
from course_utils.exercises.lesson_08.pieces import PIECES
from course_utils.exercises.lesson_08.turn import TURN

EXERCISES = [TURN, PIECES, ONCE]
