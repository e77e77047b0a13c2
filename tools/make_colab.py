"""Writes dist/colab/NN_slug.ipynb: notebooks that run alone, without repository and network.

    python tools/make_colab.py                  all lessons
    python tools/make_colab.py --only 02 06     these

Upload one to Colab (File, Upload notebook), or send it to somebody: its first cell carries the
package and the trained weights that the lesson needs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from address import AddressError
from build_notebooks import select
from builder import store
from builder.cell import LessonError
from builder.lesson import find_lessons, read_lesson
from colab.carried import EXACT
from colab.notebook import ColabError, alone

ROOT = Path(__file__).resolve().parents[1]
FOLDER = Path("dist", "colab")


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(description="Make notebooks that run alone.")
    parser.add_argument("--only", nargs="+", default=[], metavar="NN", help="lessons to write")
    only = parser.parse_args(arguments).only
    try:
        for source in select(find_lessons(root), only):
            notebook, parcel = alone(read_lesson(source), root)
            path = root / FOLDER / f"{source.stem}.ipynb"
            store.write(notebook, path)
            rounding = f", weights rounded to {parcel.bits} bits" if parcel.bits < EXACT else ""
            name = path.relative_to(root).as_posix()
            print(f"{name}: {path.stat().st_size / 1e6:.2f} MB{rounding}", flush=True)
    except (AddressError, ColabError, LessonError, ValueError, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
