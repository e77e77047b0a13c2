"""What the lessons took in the last `make test`, for the table of README.

    python tools/measured.py            writes docs/measured.json and README.md
    python tools/measured.py --show     only prints it

Each lesson that runs to its end leaves a record with the processor's seconds and the most memory
that its kernel held. Seconds are those of the processor, so that a busy machine counts the same.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import course_map
from course_utils.notebook import recorded

ROOT = Path(__file__).resolve().parents[1]
FILE = "docs/measured.json"
RECORDS = Path(".course", "test", "claims")
MOST_MINUTES, MOST_MEMORY = 20, 1.5  # of the whole course; GB of a lesson


def gather(root: Path, folder: Path | None = None) -> dict[str, Any]:
    """What the records of the last test say, a row a lesson."""
    folder = root / RECORDS if folder is None else folder
    numbers = [path.stem for path in sorted(folder.glob("[0-9][0-9].json"))]
    found = {number: recorded.load(number, folder) for number in numbers}
    rows = {
        number: {"seconds": round(record.seconds), "memory": round(record.memory, 2)}
        for number, record in found.items()
        if record is not None
    }
    return {"machine": machine(), "lessons": rows}


def machine() -> str:
    """What the numbers were measured on, in words."""
    import torch
    from joblib import cpu_count

    kind = f"{platform.system()} on {platform.machine()}, {cpu_count()} cores, one thread a lesson"
    return f"{kind}, Python {platform.python_version()}, torch {torch.__version__}"


def closing(rows: Mapping[str, Mapping[str, float]]) -> str:
    """The sum of all lessons, and the largest of them."""
    minutes = sum(row["seconds"] for row in rows.values()) / 60
    largest = max(row["memory"] for row in rows.values())
    return f"{len(rows)} lessons: {minutes:.1f} minutes of the processor, at most {largest:.2f} GB"


def show(measured: Mapping[str, Any]) -> str:
    """The table as text; its last line is the sum."""
    rows = measured["lessons"]
    if not rows:
        return "no lesson was run to its end: `make test ARGS=notebooks` does it"
    lines = ["", "lesson   CPU seconds   memory (GB)"]
    for number, row in rows.items():
        over = "   more than allowed" if row["memory"] > MOST_MEMORY else ""
        lines.append(f"{number:<8} {row['seconds']:>11.0f} {row['memory']:>13.2f}{over}")
    long = sum(row["seconds"] for row in rows.values()) > 60 * MOST_MINUTES
    return "\n".join([*lines, closing(rows) + (": more than allowed" if long else "")])


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(description="Take over what the last test measured.")
    parser.add_argument("--show", action="store_true", help="change nothing")
    options = parser.parse_args(arguments)
    measured = gather(root)
    print(show(measured))
    if options.show:
        return 0
    if not measured["lessons"]:
        return 1
    path = root / FILE
    if path.is_file():  # a part of the lessons was run: the others keep their row
        known = json.loads(path.read_text(encoding="utf-8"))["lessons"]
        measured["lessons"] = dict(sorted({**known, **measured["lessons"]}.items()))
    path.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    return course_map.main([])


if __name__ == "__main__":
    sys.exit(main())
