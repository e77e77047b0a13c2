"""Runs the benchmark: `python bench/run.py [section ...]`; `make bench` prepares what it needs.

Before the section `sampling` the states of our samplers are compared with those of diffusers, and
before `text` our GPT, before `decoding` our filters with transformers': the tests that do it need
this environment.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
import time
import traceback
from pathlib import Path

import torch
from frame import results
from frame.machine import threads

SECTIONS = ("digits", "text", "steps", "decoding", "sampling", "growth", "sharing", "start")
CARD = "gpu"  # a section that only machines with a CUDA card run
RESULTS = Path(__file__).with_name("results.json")
# Before a section: does another library compute the same as ours? Relative to the folder of tests.
ORACLES = {
    "sampling": "diffusion/test_diffusers.py",
    "text": "language/test_transformers.py",
    "decoding": "language/test_processors.py",
}


def run(section: str, path: Path) -> None:
    """Measure one section and put it into the results at once, so that nothing is lost later."""
    found = importlib.import_module(f"sections.{section}").measure_section()
    results.write(results.merged(results.read(path), section, found, (*SECTIONS, CARD)), path)


def same_as_ours(oracle: str) -> bool:
    """Whether the other library gives what we do; pytest prints what differs."""
    print(f"The same as another library? tests/{oracle} ...", flush=True)
    path = Path(__file__).parents[1] / "tests" / oracle
    options = ["-q", "--no-header", "-W", "ignore::DeprecationWarning", "-p", "no:cacheprovider"]
    return not subprocess.run([sys.executable, "-m", "pytest", *options, str(path)]).returncode


def show(path: Path) -> None:
    """Print the table and draw the figure of what has been measured."""
    from frame import report  # imports matplotlib, which no measurement needs

    if found := results.read(path):
        print(f"\n{report.table(found)}")
        report.figure(found)


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
    begin, failed = time.perf_counter(), list[str]()
    failed += [name for name in ORACLES if name in chosen and not same_as_ours(ORACLES[name])]
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
