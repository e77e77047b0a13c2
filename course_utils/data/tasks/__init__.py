"""Tasks in words, each with one right answer, split by construction: what a model is asked to do.

Sums, programs and the interpreter that alone may run them, a table of facts, edits, conversations.
Texts are written as `language.WordTokenizer` writes them, numbers with their digits apart.
"""

from course_utils.data.tasks.adding import sums
from course_utils.data.tasks.editing import edits
from course_utils.data.tasks.facts import (
    WORDINGS,
    Fact,
    fact_table,
    held_out_questions,
    statements,
    training_questions,
)
from course_utils.data.tasks.interpreter import ProgramError, parse_program, run_program
from course_utils.data.tasks.programming import ProgramTask, programs
from course_utils.data.tasks.talking import Dialogue, dialogues
from course_utils.data.tasks.task import Task

__all__ = [
    "WORDINGS",
    "Dialogue",
    "Fact",
    "ProgramError",
    "ProgramTask",
    "Task",
    "dialogues",
    "edits",
    "fact_table",
    "held_out_questions",
    "parse_program",
    "programs",
    "run_program",
    "statements",
    "sums",
    "training_questions",
]
