"""Draws the scoreboard of what was measured on this machine, so large that it can hang on a wall.

python tools/make_poster.py                    work/scoreboard.pdf
python tools/make_poster.py --to board.png     another file: .pdf, .png or .svg
python tools/make_poster.py --fill             first runs the lessons that are missing

A lesson that was not run here, or in another version, leaves its places open.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from course_utils.notebook import poster, scoreboard

ROOT = Path(__file__).resolve().parents[1]
QUIET = {"MPLBACKEND": "Agg", "TQDM_DISABLE": "1", "PYTHONUTF8": "1"}


def fill(board: scoreboard.Board, root: Path) -> list[str]:
    """Runs each lesson whose places are open, and returns the numbers of those that failed."""
    failed = []
    for row in board.rows:
        if not row.problem:
            continue
        (source,) = (root / "lessons").glob(f"{row.lesson}_*.py")
        print(f"lesson {row.lesson} ({row.problem}): running ...", flush=True)
        path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
        environment = {**os.environ, **QUIET, "PYTHONPATH": path}
        done = subprocess.run(
            [sys.executable, str(source)],
            cwd=root,
            env=environment,
            capture_output=True,
            encoding="utf-8",
        )
        if done.returncode:
            failed.append(row.lesson)
            print(done.stderr.strip().splitlines()[-1], flush=True)
    return failed


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(description="Draw the scoreboard as a poster.")
    parser.add_argument("--to", type=Path, default=root / "work" / "scoreboard.pdf")
    parser.add_argument("--fill", action="store_true", help="run the lessons that are missing")
    options = parser.parse_args(arguments)
    board, failed = scoreboard.gather(), []
    if options.fill:
        failed = fill(board, root)
        board = scoreboard.gather()
    print(board)
    try:
        print(f"saved as {poster.save(board, options.to)}")
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if failed:
        print(f"error: lessons that did not run: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
