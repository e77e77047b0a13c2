"""Writes the tables of lessons, in README.md and in lesson 00, from the heads of the lessons.

python tools/course_map.py            writes them
python tools/course_map.py --check    only tells whether one is out of date; exit code 1
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PARTS = {"01": "Part 1: diffusion", "06": "Part 2: language models", "12": "Part 3: side by side"}
HEADS = {  # the first line of each table
    "README.md": "| | lesson | the question | read | run |",
    "lessons/00_start_here.py": "# | | lesson | reading | needs |",
}
MORE = " CPU | memory |"  # columns of README's table, once all was measured
NOTE = "`make test` prints what each lesson took, `make measured` puts it here."


@dataclass(frozen=True)
class Head:
    """What the first cell of a lesson says of it."""

    name: str  # "01_forward_noising"
    title: str
    question: str
    minutes: int
    seconds: int
    needs: tuple[str, ...]

    @property
    def number(self) -> str:
        """Two digits."""
        return self.name[:2]


def read_head(path: Path) -> Head:
    """The head of a lesson's source.

    Raises:
        ValueError: A part of it is missing; the message says which.
    """
    first = path.read_text(encoding="utf-8").split("\n# %%")[0].replace("\n# ", "\n")

    def find(pattern: str, what: str) -> str:
        match = re.search(pattern, first)
        if match is None:
            raise ValueError(f"the first cell of {path.name} must say {what}, as lesson 01 does.")
        return match[1]

    title = find(r"# \d\d · (.+)", "# NN · Title")
    question = find(r"\n\*\*(.+)\*\*", "the question in bold")
    minutes = int(find(r"\*(\d+) minutes to read", "*NN minutes to read"))
    seconds = find(r"about (\d+ seconds|a minute) to run", "about NN seconds to run")
    needs = find(r"Needs (.+?)\. ", "which lessons it needs")
    run = 60 if seconds == "a minute" else int(seconds.split()[0])
    return Head(path.stem, title, question, minutes, run, tuple(re.findall(r"\d\d", needs)))


def heads(root: Path) -> list[Head]:
    """The heads of all lessons, in order."""
    return [read_head(path) for path in sorted((root / "lessons").glob("[0-9][0-9]_*.py"))]


def measured(root: Path) -> dict[str, Any]:
    """What the last measured run of all lessons took; tools/measured.py writes it."""
    path = root / "docs" / "measured.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"lessons": {}}


def readme_rows(found: list[Head], took: Mapping[str, Mapping[str, float]]) -> list[str]:
    """The table of the README, below its first line."""
    more = 2 if took else 0
    rows = ["|---|---|---|---|---|" + "---|" * more]
    for head in found:
        if head.number in PARTS:
            rows.append(f"| | **{PARTS[head.number]}** | | | |" + " |" * more)
        link = f"[{head.title}](notebooks/{head.name}.ipynb)"
        cells = [head.number, link, head.question, f"{head.minutes} min", f"{head.seconds} s"]
        row = took.get(head.number)
        cells += [f"{row['seconds']:.0f} s", f"{row['memory']:.1f} GB"] if row else [""] * more
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def map_rows(found: list[Head]) -> list[str]:
    """The map of lesson 00, below its first line: the other lessons."""
    rows = ["# |---|---|---|---|"]
    for head in found:
        if head.number == "00":
            continue
        if head.number in PARTS:
            rows.append(f"# | | **{PARTS[head.number]}** | | |")
        link = f"[{head.title}]({head.name}.ipynb)"
        needs = ", ".join(head.needs)
        rows.append(f"# | {head.number} | {link} | {head.minutes} min | {needs} |")
    hours = sum(head.minutes for head in found) / 60
    return [*rows, f"# | | together, without the exercises | {hours:.0f} hours | |"]


def with_table(text: str, first: str, rows: list[str]) -> str:
    """The text with the table that begins with this line replaced.

    Raises:
        ValueError: There is no such line.
    """
    lines = text.split("\n")
    if first not in lines:
        raise ValueError(f"expected a table that begins with {first!r}.")
    start = end = lines.index(first) + 1
    while lines[end].lstrip("# ").startswith("|"):
        end += 1
    return "\n".join([*lines[:start], *rows, *lines[end:]])


def note(took: Mapping[str, Any]) -> str:
    """What README says under the table of what was measured."""
    rows = took["lessons"].values()
    if not rows:
        return NOTE
    minutes, largest = sum(row["seconds"] for row in rows) / 60, max(row["memory"] for row in rows)
    return (
        f"{NOTE} Measured on {took['machine']}. All {len(rows)} lessons together: "
        f"{minutes:.0f} minutes of the processor, and at most {largest:.1f} GB in a lesson."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Write what is out of date, or only tell."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args(arguments).check
    stale = 0
    for file, text in updated(ROOT).items():
        if text == (ROOT / file).read_text(encoding="utf-8"):
            continue
        stale += 1
        print(f"{file}: its table of lessons is {'out of date' if check else 'written anew'}")
        if not check:
            (ROOT / file).write_text(text, encoding="utf-8")
    return int(check and stale > 0)


def updated(root: Path) -> dict[str, str]:
    """File -> what it should hold."""
    found, took = heads(root), measured(root)
    rows = {
        "README.md": readme_rows(found, took["lessons"]),
        "lessons/00_start_here.py": map_rows(found),
    }
    texts = {}
    for file, first in HEADS.items():
        text = (root / file).read_text(encoding="utf-8").replace(first + MORE, first)
        texts[file] = with_table(text, first, rows[file])
    line, first = re.compile(rf"^{re.escape(NOTE)}.*$", re.M), HEADS["README.md"]
    text = line.sub(lambda _: note(took), texts["README.md"])
    texts["README.md"] = text.replace(first, first + MORE) if took["lessons"] else text
    return texts


if __name__ == "__main__":
    sys.exit(main())
