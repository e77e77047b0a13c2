"""Which cells a notebook gets: the student copy all of them, the answer booklet the exercises."""

from __future__ import annotations

import hashlib
import re
from collections import Counter

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from builder.cell import Cell
from builder.exercise import solved, stub_of
from builder.lesson import Lesson

BOOKLET_TAGS = frozenset({"setup", "exercise-text", "exercise", "check"})
FOLDED_TAGS = frozenset({"measure", "nbval-check-output"})
# What a notebook says to someone who opened it by itself, above the cell that then fails.
OPENED_ALONE = """\
*Does the next cell say `No module named 'course_utils'`? Then this notebook was opened without the
course. Put `%pip install --no-deps FOLDER`, with the course's folder, into a cell of its own, run
it, and restart the kernel; or start in that folder with `make lab`.*"""
# What JupyterLab writes itself, without the version of Python: the same on every machine.
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {
        "codemirror_mode": {"name": "ipython", "version": 3},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
    },
}


def student_notebook(lesson: Lesson) -> NotebookNode:
    """The notebook that a learner opens: every cell, each solution replaced by one line."""
    cells = [
        _node(cell, stub_of(cell) if _is_exercise(cell) else cell.source) for cell in lesson.cells
    ]
    return _notebook(lesson, cells)


def answer_notebook(lesson: Lesson) -> NotebookNode:
    """The answer booklet: a title, then set-up, exercises with their solutions, and checks."""
    cells = [new_markdown_cell(_booklet_title(lesson))]
    for cell in lesson.cells:
        if not BOOKLET_TAGS.isdisjoint(cell.tags):
            source = solved(cell) if _is_exercise(cell) else cell.source
            cells.append(_node(cell, _deeper(source) if cell.kind == "markdown" else source))
    return _notebook(lesson, cells)


def _is_exercise(cell: Cell) -> bool:
    return "exercise" in cell.tags


def _node(cell: Cell, source: str) -> NotebookNode:
    new_cell = new_code_cell if cell.kind == "code" else new_markdown_cell
    return new_cell(source, metadata=nbformat.from_dict(cell.metadata | _folding(cell)))


def _folding(cell: Cell) -> dict:
    """What folds the input of a measuring cell: JupyterLab, VS Code, Colab and the site each ask.

    Its output stays. Colab shows the title of a form in place of the code: the `@title` line.
    """
    if FOLDED_TAGS.isdisjoint(cell.tags):
        return {}
    return {
        "jupyter": {"source_hidden": True},
        "cellView": "form",
        "tags": [*cell.tags, "hide-input"],
    }


def _booklet_title(lesson: Lesson) -> str:
    link = f"[lesson {lesson.number}](../{lesson.name}.ipynb)"
    if not any(_is_exercise(cell) for cell in lesson.cells):
        return f"# Answers: {lesson.title}\n\nThere are no exercises in {link}."
    return (
        f"# Answers: {lesson.title}\n\nEvery exercise of {link} with a solution and the check that "
        "it passes. Yours may look different: what counts is that its check passes too."
    )


def _deeper(markdown: str) -> str:
    """Rewrites relative links for a notebook that lies one folder deeper than its lesson's."""
    return re.sub(r"\]\((?![a-z][a-z+.-]*:|[/#])", "](../", markdown)


def _notebook(lesson: Lesson, cells: list[NotebookNode]) -> NotebookNode:
    """Puts cells together under ids made from their text: an id changes with its cell only."""
    first = next(i for i, cell in enumerate(cells) if "setup" in cell.metadata.get("tags", []))
    cells.insert(first, new_markdown_cell(OPENED_ALONE))
    seen: Counter[str] = Counter()
    for cell in cells:
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:8]
        seen[digest] += 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
    notebook = new_notebook(cells=cells, metadata=nbformat.from_dict(METADATA))
    notebook.metadata.course = {"source": f"lessons/{lesson.path.name}"}
    return notebook
