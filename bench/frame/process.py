"""Work in a process of its own, and what that costs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BENCH = Path(__file__).resolve().parents[1]
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
class Cost:
    """What a process took, in seconds of the processor and on the clock."""

    cpu: float
    wall: float


def in_process(
    module: str, function: str, kwargs: dict[str, Any], env: Mapping[str, str] | None = None
) -> tuple[Any, Cost]:
    """Run module.function(**kwargs) of this folder in a fresh process with one thread.

    Args:
        module: a file below bench/, such as "sections.text".
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
