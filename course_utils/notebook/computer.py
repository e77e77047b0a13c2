"""Cores and memory that this process may really use, containers included; standard library only."""

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

MAX_THREADS = 4  # more threads than this slow small models down


def usable_cores(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Cores that this process may really use: its affinity, cut by a container's quota."""
    if hasattr(os, "process_cpu_count"):  # Python 3.13
        cores = os.process_cpu_count() or 1
    elif hasattr(os, "sched_getaffinity"):  # Linux
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    for quota, period in _cpu_quotas(cgroup):
        cores = min(cores, quota // period)
    return max(1, cores)


def _cpu_quotas(cgroup: Path) -> Iterator[tuple[int, int]]:
    """(quota, period) in microseconds of every group above this process that has a limit."""
    for folder in _cgroup_folders(cgroup):
        second = _text(folder / "cpu.max")  # version 2: "150000 100000" or "max 100000"
        first = [_text(folder / "cpu" / f"cpu.cfs_{name}_us") for name in ("quota", "period")]
        for words in (second.split(), first):
            if len(words) == 2 and all(word.isdecimal() for word in words) and int(words[1]):
                yield int(words[0]), int(words[1])


def _cgroup_folders(cgroup: Path) -> list[Path]:
    """The control groups of this process, from its own up to the root."""
    lines = _text(Path("/proc/self/cgroup")).splitlines()
    own = next((line[3:] for line in lines if line.startswith("0::")), "/")
    folder = cgroup / own.strip("/")
    return [folder, *(parent for parent in folder.parents if parent.is_relative_to(cgroup))]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


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


def free_memory(cgroup: Path = Path("/sys/fs/cgroup")) -> float | None:
    """Free memory in gigabytes, or None where it cannot be found out."""
    try:
        if sys.platform == "win32":
            return _windows_memory()
        if sys.platform == "darwin":
            return _mac_memory()
        fields = dict(line.split(":", 1) for line in _text(Path("/proc/meminfo")).splitlines())
        free = int(fields["MemAvailable"].split()[0]) * 1024
        for folder in _cgroup_folders(cgroup):
            limit, used = _text(folder / "memory.max"), _text(folder / "memory.current")
            if limit.isdecimal() and used.isdecimal():
                free = min(free, int(limit) - int(used))
        return free / 1e9
    except (OSError, KeyError, ValueError, AttributeError, subprocess.SubprocessError):
        return None


def _mac_memory() -> float:
    """Free and reclaimable pages, as vm_stat counts them."""
    page_size = int(subprocess.check_output(["sysctl", "-n", "hw.pagesize"], text=True, timeout=10))
    report = subprocess.check_output(["vm_stat"], text=True, timeout=10).splitlines()[1:]
    pages = {
        name: int(count.strip(" .")) for name, _, count in (line.partition(":") for line in report)
    }
    return (
        sum(pages[f"Pages {kind}"] for kind in ("free", "inactive", "speculative"))
        * page_size
        / 1e9
    )


class _MemoryStatus(ctypes.Structure):
    """MEMORYSTATUSEX of the Windows API."""

    _fields_ = [("length", ctypes.c_ulong), ("load", ctypes.c_ulong)] + [
        (name, ctypes.c_ulonglong)
        for name in (
            "total",
            "free",
            "total_page",
            "free_page",
            "total_virtual",
            "free_virtual",
            "free_extended",
        )
    ]


def _windows_memory() -> float:
    status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
    ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))  # type: ignore[attr-defined]
    return status.free / 1e9
