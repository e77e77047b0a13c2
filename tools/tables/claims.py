"""The claims of all lessons, from the tables in the built notebooks."""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass
from pathlib import Path

from builder import store
from course_map import heads

FILE = "course_utils/notebook/scoreboard.json"
ROW = re.compile(r"<tr>(.*?)</tr>")
CELL = re.compile(r"<td[^>]*>(.*?)</td>")


@dataclass(frozen=True)
class Measured:
    """A claim as the built notebook shows it."""

    text: str
    number: str
    bound: str
    verdict: str


def of_notebook(path: Path) -> list[Measured]:
    """The table of claims of a built notebook.

    Raises:
        ValueError: It has none, or no number in it.
    """
    notebook = store.read(path)
    for cell in notebook.cells if notebook is not None else []:
        if cell.cell_type != "code" or not re.search(r"^claims\.table\(\)$", cell.source, re.M):
            continue
        for output in cell.outputs:
            rows = ROW.findall(output.get("data", {}).get("text/html", ""))
            found = [[html.unescape(text) for text in CELL.findall(row)] for row in rows]
            claims = [Measured(*cells) for cells in found if cells]
            if claims:
                return claims
    raise ValueError(f"{path.name} shows no table of claims: end the lesson with claims.table().")


def of_lessons(root: Path) -> dict[str, list[Measured]]:
    """The claims of every lesson that is built: {"03": [...]}."""
    built = {head.number: root / "notebooks" / f"{head.name}.ipynb" for head in heads(root)}
    return {number: of_notebook(path) for number, path in built.items() if path.is_file()}


def listed(root: Path) -> str:
    """The list that the scoreboard reads."""
    titles, claims = {head.number: head.title for head in heads(root)}, of_lessons(root)
    lessons = {
        number: {
            "title": titles[number],
            "claims": [[claim.text, claim.number, claim.bound] for claim in claims[number]],
        }
        for number in claims
    }
    # A claim a line: two branches that add claims merge.
    text = json.dumps(lessons, indent=1, ensure_ascii=False)
    return re.sub(r'\[\n +(".*?"),\n +(".*?"),\n +(".*?")\n +\]', r"[\1, \2, \3]", text) + "\n"


def tables(root: Path) -> dict[str, str]:
    """File -> what it should hold."""
    return {FILE: listed(root)}
