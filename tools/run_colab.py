"""Runs the notebooks of `make colab` as Colab would: its versions, an empty folder, no network.

    python tools/run_colab.py                     every lesson in the fast mode, 02 and 06 in full
    python tools/run_colab.py --only 02           this lesson, in the fast mode
    python tools/run_colab.py --python PATH       in another environment than .venv-colab

The first run makes `.venv-colab` with the packages of tools/colab/requirements.txt, which needs the
network and some GB on Linux. On another Python than 3.13 it says so.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import time
import venv
from collections.abc import Sequence
from pathlib import Path

from build_notebooks import select
from builder.lesson import find_lessons
from colab.running import run
from make_colab import FOLDER

ROOT = Path(__file__).resolve().parents[1]
FULL = ("02", "06")
COLAB_PYTHON = "3.13"


def environment(root: Path) -> Path:
    """The Python of `.venv-colab`, which is made when it is missing.

    Raises:
        subprocess.CalledProcessError: pip failed.
    """
    folder = root / ".venv-colab"
    scripts = "Scripts" if sys.platform == "win32" else "bin"
    python = folder / scripts / ("python.exe" if sys.platform == "win32" else "python")
    ready = folder / "ready"
    if not ready.is_file():
        print("making .venv-colab with Colab's packages ...", flush=True)
        venv.create(folder, with_pip=True)
        wanted = str(root / "tools" / "colab" / "requirements.txt")
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", wanted], check=True)
        ready.touch()
    return python


def jobs(root: Path, only: Sequence[str]) -> list[tuple[Path, str]]:
    """The notebooks and the mode of each.

    Raises:
        FileNotFoundError: `make colab` has not written them.
        ValueError: there is no such lesson.
    """
    names = [path.stem for path in select(find_lessons(root), only)]
    paths = [root / FOLDER / f"{name}.ipynb" for name in names]
    if missing := [path.name for path in paths if not path.is_file()]:
        raise FileNotFoundError(f"{FOLDER.as_posix()}/{missing[0]} is missing: run make colab")
    full = [] if only else [path for path in paths if path.name[:2] in FULL]
    return [*((path, "fast") for path in paths), *((path, "full") for path in full)]


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(description="Run the notebooks that run alone.")
    parser.add_argument("--only", nargs="+", default=[], metavar="NN", help="lessons to run")
    parser.add_argument("--python", type=Path, help="the interpreter of another environment")
    options = parser.parse_args(arguments)
    try:
        todo = jobs(root, options.only)
        python = options.python or environment(root)
    except (FileNotFoundError, ValueError, subprocess.CalledProcessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if not options.python and not platform.python_version().startswith(COLAB_PYTHON):
        print(f"note: Colab has Python {COLAB_PYTHON}, this is {platform.python_version()}")
    failed = 0
    for path, mode in todo:
        start = time.perf_counter()
        ran = run(path, python, mode)
        failed += bool(ran.problem)
        verdict = f"FAILED: {ran.problem}" if ran.problem else "passed"
        seconds = time.perf_counter() - start
        print(f"{path.stem} {mode} {seconds:.0f} s: {verdict} ({ran.claims})", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
