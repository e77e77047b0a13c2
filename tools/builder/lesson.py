"""Reads a lesson source (jupytext py:percent) and says, with its line, what is wrong with it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import jupytext

from builder.cell import Cell, LessonError, read_source
from builder.exercise import BEGIN, END, check_exercise, number_exercises

CODE_TAGS = frozenset({"setup", "exercise", "check", "measure", "nbval-check-output"})
MARKDOWN_TAGS = frozenset({"exercise-text"})
KEPT_METADATA = frozenset({"tags", "slideshow"})
FILE_NAME = re.compile(r"(?P<number>\d\d)_[a-z0-9]+(_[a-z0-9]+)*")


@dataclass(frozen=True)
class Lesson:
    """One lesson source, parsed and found to be well formed."""

    path: Path
    title: str
    cells: tuple[Cell, ...]

    @property
    def name(self) -> str:
        """The file name without its ending: "01_forward_noising"."""
        return self.path.stem

    @property
    def number(self) -> str:
        """The two digits that the file name starts with."""
        return self.path.stem[:2]


def find_lessons(root: Path) -> list[Path]:
    """Lists the lesson sources under `root` in order.

    Raises:
        LessonError: A file is not named NN_slug.py, or two files have the same number.
        FileNotFoundError: There is no lesson.
    """
    paths = sorted((root / "lessons").glob("*.py"))
    if not paths:
        raise FileNotFoundError(f"no lessons/NN_slug.py in {root}: write one first")
    numbers: dict[str, Path] = {}
    for path in paths:
        name = FILE_NAME.fullmatch(path.stem)
        if name is None:
            raise LessonError(path, 1, "call it NN_slug.py, such as 03_sampling.py")
        first = numbers.setdefault(name["number"], path)
        if first is not path:
            raise LessonError(path, 1, f"number {name['number']} is taken by {first.name}")
    return paths


def read_lesson(path: Path) -> Lesson:
    """Parses a lesson source and checks it.

    Raises:
        LessonError: The source is malformed; the message names file, line and remedy.
    """
    cells = _parse(path)
    for cell in cells:
        _check_cell(path, cell)
    first = cells[0]
    title = re.match(r"# (.+)", first.source)
    if first.kind != "markdown" or title is None:
        raise LessonError(path, first.line, "start with a markdown cell: `# ` and the title")
    if not any("setup" in cell.tags for cell in cells):
        raise LessonError(path, first.line, 'no cell has tags=["setup"]: the booklet needs one')
    return Lesson(path, title[1].strip(), tuple(number_exercises(path, cells)))


def _parse(path: Path) -> list[Cell]:
    text = read_source(path).replace("\r\n", "\n")
    _check_tags(path, text)
    notebook = jupytext.reads(text, fmt="py:percent")
    marks = [n for n, line in enumerate(text.splitlines(), 1) if re.match(r"# %%(\s|$)", line)]
    if not marks or len(marks) != len(notebook.cells):
        raise LessonError(
            path,
            1,
            f"has {len(marks)} lines that start a cell (`# %%`) but reads as {len(notebook.cells)} "
            "cells: begin the file with one, and put none into a string",
        )
    return [
        Cell(
            kind=cell.cell_type,
            source=cell.source,
            metadata={key: cell.metadata[key] for key in KEPT_METADATA & cell.metadata.keys()},
            line=line,
        )
        for cell, line in zip(notebook.cells, marks, strict=True)
    ]


def _check_tags(path: Path, text: str) -> None:
    """What the parser would report without a line, or not at all."""
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("# %%"):
            continue
        if line.count("tags=") > 1:
            raise LessonError(path, number, "gives tags= twice: put all tags into one list")
        for tag, times in Counter(re.findall(r'"([^"]*)"', line.partition("tags=")[2])).items():
            if times > 1:
                raise LessonError(path, number, f"has the tag {tag!r} twice: leave one out")


def _check_cell(path: Path, cell: Cell) -> None:
    if not cell.source.strip():
        raise LessonError(path, cell.line, "the cell is empty: fill it or delete it")
    if cell.kind not in ("code", "markdown"):
        raise LessonError(path, cell.line, f"a {cell.kind} cell: use a code or a [markdown] cell")
    known = CODE_TAGS if cell.kind == "code" else MARKDOWN_TAGS
    for tag in cell.tags:
        if tag not in known:
            wanted = ", ".join(sorted(known))
            raise LessonError(
                path, cell.line, f"unknown tag {tag!r} on a {cell.kind} cell: use {wanted}"
            )
    if "measure" in cell.tags and not re.match(r"# ?@title \S", cell.source):
        raise LessonError(
            path,
            cell.line + 1,
            "a measuring cell is folded: begin it with `# @title `, and what it does in words",
        )
    if "exercise" in cell.tags:
        check_exercise(path, cell)
        return
    for offset, line in enumerate(cell.source.splitlines(), 1):
        if line.strip() in (BEGIN, END):
            raise LessonError(
                path, cell.line + offset, f'`{line.strip()}` outside a cell with tags=["exercise"]'
            )
