"""Exercises in a lesson: checks their form, gives them numbers, takes solutions out."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from builder.cell import Cell, LessonError

BEGIN, END = "# BEGIN SOLUTION", "# END SOLUTION"
CHECK_CALL = re.compile(r"""checks\.run\(\s*["'](?P<id>\d\d\.\d+)["']\s*,\s*(?P<function>\w+)""")


def solution_of(source: str) -> tuple[str, str, str]:
    """Splits an exercise cell into the text before its solution, the solution, and the text after.

    The two marker lines belong to none of them; all three parts end with a line break or are empty.
    """
    before, rest = re.split(rf"^[ \t]*{BEGIN}[ \t]*\n", source + "\n", maxsplit=1, flags=re.M)
    solution, after = re.split(rf"^[ \t]*{END}[ \t]*\n", rest, maxsplit=1, flags=re.M)
    return before, solution, after


def stub_of(cell: Cell) -> str:
    """The exercise as a student gets it: one line that raises instead of the solution."""
    before, solution, after = solution_of(cell.source)
    first = next(line for line in solution.splitlines() if line.strip())
    indent = first[: len(first) - len(first.lstrip())]
    raised = f'raise NotImplementedError("Exercise {cell.exercise}: replace this line")\n'
    return (before + textwrap.indent(raised, indent) + after).rstrip("\n")


def solved(cell: Cell) -> str:
    """The exercise with its solution and without the two marker lines."""
    return "".join(solution_of(cell.source)).rstrip("\n")


def check_exercise(path: Path, cell: Cell) -> None:
    """An exercise cell is one function with a docstring and one marked solution inside it."""
    written = cell.source.splitlines()
    lines = [line.strip() for line in written]
    for marker in (BEGIN, END):
        if lines.count(marker) != 1:
            raise LessonError(
                path,
                cell.line,
                f"an exercise needs one line `{marker}` but has {lines.count(marker)}",
            )
    begin, end = lines.index(BEGIN), lines.index(END)
    if begin > end:
        raise LessonError(path, cell.line + 1 + end, f"`{END}` comes before `{BEGIN}`")
    if not any(lines[begin + 1 : end]):
        raise LessonError(path, cell.line + 1 + begin, "the solution is empty")
    try:
        body = ast.parse(cell.source).body
    except SyntaxError as error:
        raise LessonError(path, cell.line + (error.lineno or 1), f"{error.msg}") from error
    functions = [node for node in body if isinstance(node, ast.FunctionDef)]
    if len(functions) != 1 or ast.get_docstring(functions[0]) is None:
        raise LessonError(path, cell.line, "an exercise is one function with a docstring")
    function = functions[0]
    indents = [written[index].index("#") for index in (begin, end)]
    if not function.lineno <= begin + 1 <= (function.end_lineno or 0) or min(indents) == 0:
        raise LessonError(path, cell.line + 1 + begin, f"the solution is outside {function.name}")
    if indents[0] != indents[1]:
        raise LessonError(path, cell.line + 1 + end, "indent the two markers alike")


def number_exercises(path: Path, cells: Sequence[Cell]) -> list[Cell]:
    """Gives each exercise cell the number that the check below it runs."""
    numbered = list(cells)
    count = 0
    for index, cell in enumerate(cells):
        if "check" in cell.tags and "exercise" not in (cells[index - 1].tags if index else []):
            raise LessonError(path, cell.line, "a check stands directly under its exercise")
        if "exercise" not in cell.tags:
            continue
        count += 1
        number = f"{path.stem[:2]}.{count}"
        name = re.search(r"^def (\w+)", cell.source, re.M)
        call = f'checks.run("{number}", {name[1] if name else "function"})'
        below = cells[index + 1] if index + 1 < len(cells) else None
        if below is None or "check" not in below.tags:
            raise LessonError(
                path, cell.line, f'no check under the exercise: add a cell tags=["check"] {call}'
            )
        found = CHECK_CALL.search(below.source)
        if found is None or (found["id"], found["function"]) != (number, name and name[1]):
            raise LessonError(path, below.line, f"this check must call {call}")
        numbered[index] = replace(cell, exercise=number)
        numbered[index + 1] = replace(below, exercise=number)
    return numbered
