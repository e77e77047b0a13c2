"""Runs the benchmark: `python bench/run.py [section ...]`; `make bench` prepares what it needs."""

from __future__ import annotations

import argparse
import importlib
import json
import time
from pathlib import Path
from typing import Any

from common import machine

from course_utils.training.checkpoint import write_atomically

SECTIONS = ("digits", "text", "steps", "decoding", "sampling")
RESULTS = Path(__file__).with_name("results.json")


def merged(old: dict[str, Any], section: str, found: dict[str, Any]) -> dict[str, Any]:
    """The results with those of one section put in the place of its earlier ones."""
    goals = [goal.row() | {"section": section} for goal in found["goals"]]
    kept = [goal for goal in old.get("goals", []) if goal["section"] != section]
    order = {name: index for index, name in enumerate(SECTIONS)}
    return {
        "machine": machine(),
        "goals": sorted(kept + goals, key=lambda goal: order[goal["section"]]),
        "details": {**old.get("details", {}), section: found["details"]},
    }


def table(goals: list[dict[str, Any]]) -> str:
    """One line a goal, aligned."""
    rows = [("", "ours", "best peer", "ratio", "goal", "met", "peer")]
    rows += [
        (
            goal["name"],
            f"{goal['ours']:.4g}",
            f"{goal['best_peer']:.4g}",
            f"{goal['ratio']:.2f}",
            goal["goal"],
            "yes" if goal["met"] else "no",
            goal["peer"],
        )
        for goal in goals
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def main() -> None:
    """Run the sections that were asked for, keep the results of the others, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="section", help=", ".join(SECTIONS))
    chosen = parser.parse_args().sections or list(SECTIONS)
    if unknown := set(chosen) - set(SECTIONS):
        parser.error(f"no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    for section in chosen:
        start = time.perf_counter()
        print(f"{section} ...", end=" ", flush=True)
        results = merged(results, section, importlib.import_module(section).measure_section())
        write_atomically(RESULTS, (json.dumps(results, indent=1) + "\n").encode())
        print(f"{time.perf_counter() - start:.0f} s", flush=True)
    print(table(results["goals"]))


if __name__ == "__main__":
    main()
