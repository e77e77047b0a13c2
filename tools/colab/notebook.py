"""Makes the notebook of a lesson that runs alone, from the one that is built."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

import address as addresses
from builder.contents import OPENED_ALONE, student_notebook
from builder.lesson import Lesson
from colab.carried import EXACT, Parcel, needed_weights, pack
from course_utils import __version__

LARGEST = 2_000_000  # bytes of a notebook
FEWEST_BITS = 7
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?![a-z][a-z+.-]*:|#)([^)\s]+)\)")
CELL = '''\
# @title Get the course: run this cell first. It installs nothing else, and may be run again.
{function}

get_course(
    version="{version}",
    address="{address}",
    needed={needed},
    digest="{digest}",
    carried="""
{text}
""",
)'''


class ColabError(ValueError):
    """A notebook that cannot be made to run alone."""


def alone(lesson: Lesson, root: Path) -> tuple[NotebookNode, Parcel]:
    """The notebook of a lesson with the course in its first cell, without outputs.

    Weights are carried as they are if the notebook stays small enough, else with as many of their
    bits as fit.

    Raises:
        ColabError: even with few bits it is too large.
    """
    source = lesson.path.read_text(encoding="utf-8")
    needed = needed_weights(source, lesson.number, root)
    for bits in range(EXACT, FEWEST_BITS - 1, -1):
        parcel = pack(root, lesson.number, needed, bits)
        notebook = _with(parcel, lesson, root)
        size = len(nbformat.writes(notebook).encode())
        if size <= LARGEST:
            return notebook, parcel
    raise ColabError(
        f"{lesson.name}.ipynb would have {size:,} bytes with {FEWEST_BITS} bits a weight, and may "
        f"have {LARGEST:,}. It carries {', '.join(needed)}: let the lesson load less."
    )


def _with(parcel: Parcel, lesson: Lesson, root: Path) -> NotebookNode:
    notebook = student_notebook(lesson)
    site = addresses.find(root)
    notebook.cells = [cell for cell in notebook.cells if cell.source != OPENED_ALONE]
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = relinked(cell.source, site)
    folded = {"tags": ["hide-input"], "cellView": "form", "jupyter": {"source_hidden": True}}
    first = new_code_cell(
        first_cell(parcel, site), metadata=nbformat.from_dict(folded), id="course"
    )
    notebook.cells.insert(1, first)
    notebook.metadata.course["version"] = __version__
    return notebook


def first_cell(parcel: Parcel, site: str) -> str:
    """The source of the cell that makes the course importable."""
    text = Path(__file__).with_name("first_cell.py").read_text(encoding="utf-8")
    function = text.partition("# begin\n")[2].partition("# end\n")[0].strip()
    return CELL.format(
        function=function,
        version=__version__,
        address=site,
        needed=list(parcel.needed),
        digest=parcel.digest,
        text=parcel.text,
    )


def relinked(markdown: str, site: str) -> str:
    """Links into the repository lead to its address; while there is none they are plain text."""

    def change(match: re.Match[str]) -> str:
        file, hash_mark, anchor = match[2].partition("#")
        if not site:
            return match[1]
        target = posixpath.normpath(posixpath.join("notebooks", file))
        return f"[{match[1]}]({addresses.page(site, target)}{hash_mark}{anchor})"

    return LINK.sub(change, markdown)
