"""Runs the benchmark: `python bench/run.py [section ...]`; `make bench` prepares what it needs."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import torch
from common import machine, threads

from course_utils.training.checkpoint import write_atomically

SECTIONS = ("digits", "text", "steps", "decoding", "sampling", "growth", "sharing", "start")
CARD = "gpu"  # a section that only machines with a CUDA card run
RESULTS = Path(__file__).with_name("results.json")


def merged(old: dict[str, Any], section: str, found: dict[str, Any]) -> dict[str, Any]:
    """The results with those of one section put in the place of its earlier ones."""
    goals = [goal.row() | {"section": section} for goal in found["goals"]]
    kept = [goal for goal in old.get("goals", []) if goal["section"] != section]
    order = {name: index for index, name in enumerate((*SECTIONS, CARD))}
    details = {**old.get("details", {}), section: found["details"]}
    return {
        "machine": machine(),
        "goals": sorted(kept + goals, key=lambda goal: order[goal["section"]]),
        "details": {name: details[name] for name in sorted(details, key=order.__getitem__)},
    }


def read(path: Path) -> dict[str, Any]:
    """Earlier results of this machine; nothing when there are none, or they are of another one."""
    if not path.exists():
        return {}
    old = json.loads(path.read_text(encoding="utf-8"))
    if old["machine"] == machine():
        return old
    print(f"({path.name} is of another machine or other versions: begun anew)", end=" ")
    return {}


def run(section: str, path: Path) -> None:
    """Measure one section and put it into the results at once, so that nothing is lost later."""
    found = importlib.import_module(section).measure_section()
    results = merged(read(path), section, found)
    write_atomically(path, (json.dumps(results, indent=1) + "\n").encode())


def show(path: Path) -> None:
    """Print the table and draw the figure of what has been measured."""
    import report  # imports matplotlib, which no measurement needs

    results = read(path)
    if results:
        print(f"\n{report.table(results)}")
        report.figure(results)


def main() -> int:
    """Run the sections that were asked for, keep the results of the others; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="section", help=", ".join((*SECTIONS, CARD)))
    parser.add_argument("--out", type=Path, default=RESULTS, help="default: bench/results.json")
    options = parser.parse_args()
    chosen = options.sections or [*SECTIONS, *[CARD] * torch.cuda.is_available()]
    if unknown := set(chosen) - {*SECTIONS, CARD}:
        there_are = ", ".join((*SECTIONS, CARD))
        parser.error(f"no section {', '.join(sorted(unknown))}; there are {there_are}")
    threads()
    begin, failed = time.perf_counter(), []
    for section in chosen:
        start = time.perf_counter()
        print(f"[{start - begin:5.0f} s] {section} ...", end=" ", flush=True)
        try:
            run(section, options.out)
        except Exception:  # the sections after it need not wait for a repair
            traceback.print_exc()
            failed.append(section)
        print(f"{time.perf_counter() - start:.0f} s", flush=True)
    show(options.out)
    if failed:
        print(f"Failed: {', '.join(failed)}; see above. Repeat: make bench ARGS='{failed[0]}'")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
