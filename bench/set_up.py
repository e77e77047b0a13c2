"""Makes `.venv-bench`, the course and its peers; does nothing when it is ready.

It is an environment of its own, since the peers must not decide what the course runs on. The stamp
is that of tools/set_up.py.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))  # before bench/, which has a set_up too

from set_up import interpreter, main, next_step, run, stamped, wanted  # noqa: E402

LISTS = ("requirements.lock", "bench/requirements.txt")


def wanted_here(root: Path) -> dict[str, str]:
    """What the stamp of a ready environment says: as for the course, but of both lists."""
    content = b"".join((root / name).read_bytes() for name in LISTS)
    return {**wanted(root), "packages": hashlib.sha256(content).hexdigest()}


def set_up(root: Path) -> None:
    """Brings `.venv-bench` under `root` to the packages of both lists.

    Raises:
        SetUpError: Python's venv or pip failed; the message says what to do.
    """
    venv, want = root / ".venv-bench", wanted_here(root)
    step = next_step(venv, want)
    if step == "nothing":
        return
    print(f"Setting up the benchmark in {venv} (a few minutes, once) ...", flush=True)
    with stamped(venv, want, fresh=step == "fresh"):
        install(venv)


def install(venv: Path) -> None:
    """The pinned packages, then the peers and the course without what they ask for."""
    base = getattr(sys, "_base_executable", None) or sys.executable
    failed = "The lines above say why. Say make bench again when it is solved."
    run([base, "-m", "venv", str(venv)], failed)
    pip = [str(interpreter(venv)), "-m", "pip", "install", "--disable-pip-version-check"]
    run([*pip, "--requirement", LISTS[0]], failed)
    run([*pip, "--no-deps", "--requirement", LISTS[1]], failed)
    run([*pip, "--no-deps", "--editable", "."], failed)


if __name__ == "__main__":
    sys.exit(main(set_up))
