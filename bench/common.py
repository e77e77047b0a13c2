"""What all sections share: goals, the machine, turns, and work in a process of its own."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from course_utils.notebook.computer import usable_cores

BENCH = Path(__file__).resolve().parent
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
# What runs in the other process. Its result is the last line, after whatever a library prints.
CHILD = """
import importlib, json, sys
call = json.loads(sys.stdin.read())
sys.path.insert(0, call["folder"])
import torch
torch.set_num_threads(1)
function = getattr(importlib.import_module(call["module"]), call["function"])
result = json.dumps(function(**call["kwargs"]))
print()
print(result)
"""


@dataclass(frozen=True)
class Goal:
    """One comparison and whether it is met; `ratio` is how many times better ours is.

    Attributes:
        name: what is measured, with its unit.
        ours: our value.
        best_peer: the value of the best peer, or of what ours is held against.
        peer: who that is.
        ratio: above 1 where ours is better.
        goal: the bound of the ratio, such as ">= 5".
        met: whether the ratio reaches it.
    """

    name: str
    ours: float
    best_peer: float
    peer: str
    ratio: float
    goal: str
    met: bool

    def row(self) -> dict[str, Any]:
        """The goal as results.json holds it."""
        return asdict(self)

    @classmethod
    def lower(cls, name: str, ours: float, best_peer: float, peer: str, at_least: float) -> Goal:
        """A goal for what should be small, such as seconds: ratio = best_peer / ours.

        Raises:
            ValueError: a value is not above 0.
        """
        return cls._of(name, ours, best_peer, peer, at_least, lower=True)

    @classmethod
    def higher(cls, name: str, ours: float, best_peer: float, peer: str, at_least: float) -> Goal:
        """A goal for what should be large, such as steps a second: ratio = ours / best_peer.

        Raises:
            ValueError: a value is not above 0.
        """
        return cls._of(name, ours, best_peer, peer, at_least, lower=False)

    @classmethod
    def _of(
        cls, name: str, ours: float, best: float, peer: str, at_least: float, *, lower: bool
    ) -> Goal:
        if not (ours > 0 and best > 0):
            raise ValueError(
                f"{name}: a ratio needs two values above 0; got ours {ours} and {peer} {best}. "
                "Look at what was measured, or compare a quantity that cannot be 0."
            )
        ratio = best / ours if lower else ours / best
        return cls(name, ours, best, peer, ratio, f">= {at_least:.3g}", ratio >= at_least)


@dataclass(frozen=True)
class Cost:
    """What a process took, in seconds of the processor and on the clock."""

    cpu: float
    wall: float


class Same:
    """A stream whose every batch is the same one.

    Args:
        batch: what each step gets.
    """

    def __init__(self, batch: Any) -> None:
        self.batch = batch

    def __getitem__(self, step: int, /) -> Any:
        return self.batch


def machine() -> dict[str, Any]:
    """What the numbers depend on; nothing that names the computer or its owner."""
    return {
        "cpu": _cpu_model(),
        "cores": usable_cores(),
        "memory_gb": _memory(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or "unknown"


def _memory() -> float | None:
    """Gigabytes of memory, or None where the system does not say."""
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return None


def threads() -> int:
    """Make torch use one thread in this process, as all measurements do, and return that number."""
    torch.set_num_threads(1)
    return 1


def alternate(
    functions: Mapping[str, Callable[[], float]], rounds: int
) -> dict[str, dict[str, float]]:
    """Measure several things in turn, so that a slow minute of the machine hits all of them.

    Args:
        functions: name -> a function that measures once and returns the number.
        rounds: how often each is measured; every round starts with the next one.

    Returns:
        name -> "median", "min" and "max" of its numbers, and "wall": median seconds on the clock
        of one turn.
    """
    names = list(functions)
    found: dict[str, list[float]] = {name: [] for name in names}
    walls: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            start = time.perf_counter()
            found[name].append(functions[name]())
            walls[name].append(time.perf_counter() - start)
    return {
        name: {
            "median": statistics.median(row),
            "min": min(row),
            "max": max(row),
            "wall": statistics.median(walls[name]),
        }
        for name, row in found.items()
    }


def side_by_side(function: Callable[[str], Any], names: Sequence[str]) -> dict[str, Any]:
    """name -> function(name), two at a time where there are two cores; each starts processes.

    Every one of them shares the machine with the other, ours and peers alike.
    """
    with ThreadPoolExecutor(min(2, usable_cores())) as pool:
        return dict(zip(names, pool.map(function, names), strict=True))


def matrix_speed(size: int = 1024) -> float:
    """Operations a second of a float32 matrix product: the best of several, in CPU seconds."""
    a, b = torch.randn(2, size, size)
    found = []
    for _ in range(9):
        start = time.process_time()
        a @ b
        found.append(time.process_time() - start)
    return 2.0 * size**3 / min(found)


def in_process(
    module: str, function: str, kwargs: dict[str, Any], env: Mapping[str, str] | None = None
) -> tuple[Any, Cost]:
    """Run module.function(**kwargs) of this folder in a fresh process with one thread.

    Args:
        module: a file of bench/, without ".py".
        function: a function in it whose result JSON can hold.
        kwargs: its arguments, which JSON can hold.
        env: variables to set besides those of this process.

    Returns:
        The result as JSON gives it back, and what the process cost, its imports included.

    Raises:
        RuntimeError: the process failed; what it printed is in the message.
    """
    call = {"folder": str(BENCH), "module": module, "function": function, "kwargs": kwargs}
    environment = {**os.environ, **ONE_THREAD, **(env or {})}
    before, start = os.times(), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        input=json.dumps(call),
        env=environment,
        capture_output=True,
        encoding="utf-8",
    )
    after, wall = os.times(), time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(
            f"{module}.{function} should end with code 0; got {done.returncode}. It printed:\n"
            f"{done.stdout[-1000:]}{done.stderr[-3000:]}"
        )
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    return json.loads(done.stdout.splitlines()[-1]), Cost(cpu, wall)
