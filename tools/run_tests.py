"""Runs everything that must hold: lint, types, unit tests, and every notebook from top to bottom.

    python tools/run_tests.py                 all parts
    python tools/run_tests.py lint types      these parts

Every part runs even when an earlier one failed; the exit code is 0 when all passed.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
PYTHON = sys.executable
CELL_TIMEOUT = 180  # seconds; nbval notices a dead kernel only then
MODULES = ("ruff", "mypy", "pytest", "nbval", "xdist", "joblib", "jupytext", "nbformat")


@dataclass(frozen=True)
class Part:
    """One part of the test: its name and commands; `counted` when they are pytest's."""

    name: str
    commands: tuple[tuple[str, ...], ...]
    counted: bool = False


@dataclass(frozen=True)
class Result:
    """How a part ended. `counts` has pytest's "passed", "failed" and "skipped"."""

    name: str
    passed: bool
    seconds: float
    counts: Counter[str]


def parts() -> list[Part]:
    """The parts in the order in which they run: the quick ones first."""
    from joblib import cpu_count  # `main` says what is not installed

    # One thread per process and a process per core: torch's own threads only fight over them.
    workers = ("-n", str(min(cpu_count(), 4)))
    ruff, pytest = (PYTHON, "-m", "ruff"), (PYTHON, "-m", "pytest", "-q")
    nbval = (
        "--nbval-lax",
        "--nbval-current-env",
        f"--nbval-cell-timeout={CELL_TIMEOUT}",
        f"--nbval-sanitize-with={Path('tests') / 'sanitize.cfg'}",
    )
    # A notebook's cells share a kernel, so one worker gets all of them.
    notebooks = (*pytest, *nbval, *workers, "--dist=loadfile", *built_notebooks())
    return [
        Part("lint", ((*ruff, "check", "."), (*ruff, "format", "--check", "."))),
        Part("types", ((PYTHON, "-m", "mypy"),)),
        Part("unit", ((*pytest, *workers, "tests"),), counted=True),
        Part("notebooks", (notebooks,), counted=True),
    ]


def built_notebooks() -> list[str]:
    """The notebooks to run: none of a learner's own, and none that somebody works in."""
    from build_notebooks import to_test

    paths, left_out = to_test(ROOT)
    for path in left_out:
        name = path.relative_to(ROOT).as_posix()
        print(f"note: {name} was run or edited here and is left out; git checkout {name} undoes it")
    return [path.relative_to(ROOT).as_posix() for path in paths]


def run(part: Part, environment: dict[str, str]) -> Result:
    """Runs the commands of one part, showing each and what it prints."""
    start = time.perf_counter()
    passed, counts = True, Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        for command in part.commands:
            print(f"\n== {part.name}: {' '.join(('python', *command[1:]))}", flush=True)
            report = Path(folder) / "report.xml"
            extra = (f"--junitxml={report}",) if part.counted else ()
            code = subprocess.run((*command, *extra), cwd=ROOT, env=environment).returncode
            passed &= code == 0
            if report.exists():
                counts += count(report)
    return Result(part.name, passed, time.perf_counter() - start, counts)


def count(report: Path) -> Counter[str]:
    """Counts passed, failed and skipped tests in a JUnit report."""
    totals: Counter[str] = Counter()
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped = int(suite.get("skipped", 0))
        passed = int(suite.get("tests", 0)) - failed - skipped
        totals += Counter(passed=passed, failed=failed, skipped=skipped)
    return totals


def summary(results: Sequence[Result]) -> str:
    """The closing table; its last line reads like pytest's own."""
    lines = ["", "part       result   seconds   tests"]
    for result in results:
        verdict = "passed" if result.passed else "FAILED"
        tests = ", ".join(f"{number} {kind}" for kind, number in result.counts.items())
        lines.append(f"{result.name:<10} {verdict:<8} {result.seconds:>7.1f}   {tests}".rstrip())
    total = sum((result.counts for result in results), Counter[str]())
    # A part that fails without a failed test (lint, types, a broken import) counts as one.
    total["failed"] += sum(not r.passed and not r.counts["failed"] for r in results)
    kinds = [f"{total[kind]} {kind}" for kind in ("failed", "passed", "skipped") if total[kind]]
    seconds = sum(result.seconds for result in results)
    closing = f" {', '.join(kinds) or 'all passed'} in {seconds:.1f}s "
    return "\n".join([*lines, "", closing.center(80, "=")])


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the parts named on the command line, or all, and returns the exit code."""
    missing = [name for name in MODULES if importlib.util.find_spec(name) is None]
    if missing:
        print(f"not installed: {', '.join(missing)}. Run: pip install -r requirements.lock")
        return 1
    known = {part.name: part for part in parts()}
    parser = argparse.ArgumentParser(description="Run what must hold before a commit.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(known)}")
    names = parser.parse_args(arguments).parts or list(known)
    for name in names:
        if name not in known:
            parser.error(f"there is no part {name!r}; the parts are {', '.join(known)}")
    home = ROOT / ".course" / "test"
    shutil.rmtree(home, ignore_errors=True)  # no test resumes the training of an earlier run
    fixed = {"OMP_NUM_THREADS": "1", "COURSE_THREADS": "1", "TQDM_DISABLE": "1"}
    environment = {**os.environ, **fixed, "COURSE_HOME": str(home)}
    results = [run(known[name], environment) for name in names]
    if "notebooks" in names and (home / "claims").is_dir():
        import measured

        print(measured.show(measured.gather(ROOT, home / "claims")))
    print(summary(results), flush=True)
    return 0 if all(result.passed for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
