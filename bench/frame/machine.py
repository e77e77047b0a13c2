"""What the numbers depend on: the machine, its threads, and its speed in a matrix product."""

from __future__ import annotations

import platform
import time
from pathlib import Path
from typing import Any

import psutil
import torch
from joblib import cpu_count


def machine() -> dict[str, Any]:
    """What the numbers depend on; nothing that names the computer or its owner."""
    return {
        "cpu": _cpu_model(),
        "cores": cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
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


def threads() -> int:
    """Make torch use one thread in this process, as all measurements do, and return that number."""
    torch.set_num_threads(1)
    return 1


def matrix_speed(size: int = 1024) -> float:
    """Operations a second of a float32 matrix product: the best of several, in CPU seconds."""
    a, b = torch.randn(2, size, size)
    found = []
    for _ in range(9):
        start = time.process_time()
        a @ b
        found.append(time.process_time() - start)
    return 2.0 * size**3 / min(found)
