"""What a lesson measured on this machine: one file a lesson, .course/claims/NN.json."""

import json
import math
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import psutil
import torch

from course_utils import __version__
from course_utils.notebook.folders import course_folder


@dataclass(frozen=True)
class Record:
    """The claims of one run of a lesson, and what the run took."""

    lesson: str  # "03"
    claims: tuple[dict[str, Any], ...]  # text, value, operator, bound, holds
    when: str  # ISO 8601, in UTC
    seconds: float  # of the processor, all threads, since Python was started
    memory: float  # the most that the process ever held, GB
    versions: dict[str, str]


def save(lesson: str, claims: Sequence[dict[str, Any]]) -> Path:
    """Write the record of a run that ends here; a reader never sees half of it.

    Args:
        lesson: two digits.
        claims: each with text, value, operator, bound and holds.

    Returns:
        The file.
    """
    record = {
        "lesson": lesson,
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "seconds": round(time.process_time(), 1),
        "memory": round(peak_memory(), 3),
        "versions": {
            "course_utils": __version__,
            "python": platform.python_version(),
            "torch": str(torch.__version__),
        },
        "claims": list(claims),
    }
    folder = course_folder() / "claims"
    folder.mkdir(exist_ok=True)
    file = folder / f"{lesson}.json"
    unfinished = folder / f"{lesson}.json.{os.getpid()}"
    unfinished.write_text(
        json.dumps(_finite(record), indent=1, ensure_ascii=False), encoding="utf-8"
    )
    unfinished.replace(file)
    return file


def load(lesson: str, folder: Path | None = None) -> Record | None:
    """The record of a lesson, or None where it was not run to its end.

    Args:
        lesson: two digits.
        folder: where the records are; if None, those of this machine's learner.

    Raises:
        ValueError: the file is no record, or one of an older version of the course.
    """
    folder = course_folder() / "claims" if folder is None else folder
    file = folder / f"{lesson}.json"
    if not file.is_file():
        return None
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        claims = tuple(_number(claim) for claim in found["claims"])
        return Record(**{**found, "claims": claims})
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{file.name} is not a record that this version can read "
            f"({type(error).__name__}: {error}). Run lesson {lesson} again."
        ) from error


def peak_memory() -> float:
    """The most memory that this process ever held, in GB."""
    if sys.platform == "win32":
        return float(psutil.Process().memory_info().peak_wset) / 1e9
    status = Path("/proc/self/status")
    # Linux's getrusage would also count the program that started this one.
    if status.is_file():
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e9
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most * (1 if sys.platform == "darwin" else 1024) / 1e9


def _finite(value: Any) -> Any:
    """JSON knows no NaN and no infinity: write those as text."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _number(claim: dict[str, Any]) -> dict[str, Any]:
    """The claim with its numbers as numbers again, and the pair of a bound as a tuple."""
    bound = claim["bound"]
    pair = isinstance(bound, list)
    numbers = [float(x) if isinstance(x, str) else x for x in (bound if pair else [bound])]
    value = float(claim["value"]) if isinstance(claim["value"], str) else claim["value"]
    return {**claim, "value": value, "bound": tuple(numbers) if pair else numbers[0]}
