"""Writes what the repository says of its lessons from the lessons themselves.

    python tools/write_docs.py            writes what is out of date
    python tools/write_docs.py --check    only tells; exit code 1 when something is

The maps of the course, the scoreboard's list of claims, the verdicts on the article, the glossary
and the papers; and what follows from the address of the course in pyproject.toml.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import address
import course_map
from tables import article, claims, glossary, papers

ROOT = Path(__file__).resolve().parents[1]


PARTS = (course_map.updated, claims.tables, article.tables, glossary.tables, papers.tables)


def updated(root: Path) -> dict[str, str]:
    """File -> what it should hold."""
    found: dict[str, str] = {}
    for part in PARTS:
        found |= part(root)
    return found | address.applied(root, found)


def stale(root: Path) -> list[str]:
    """The files that do not hold what they should."""
    return [
        file
        for file, text in updated(root).items()
        if not (root / file).is_file() or (root / file).read_text(encoding="utf-8") != text
    ]


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(description="Write the tables of docs/ and README.md.")
    parser.add_argument("--check", action="store_true", help="change nothing, tell what is stale")
    check = parser.parse_args(arguments).check
    files = stale(root)
    texts = updated(root)
    for file in files:
        print(f"{file}: {'out of date: run `make docs`' if check else 'written anew'}")
        if not check:
            (root / file).write_text(texts[file], encoding="utf-8")
    return int(check and bool(files))


if __name__ == "__main__":
    sys.exit(main())
