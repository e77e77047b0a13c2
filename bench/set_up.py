"""Makes `.venv-bench`, the course and its peers; does nothing when it is ready.

It is an environment of its own, since the peers must not decide what the course runs on. The stamp
is that of tools/set_up.py: emptied before the first change, written after the last one.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))  # before bench/, which has a set_up too

from set_up import SetUpError, interpreter, main, next_step, wanted  # noqa: E402

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
    if step == "fresh" and venv.exists():
        (venv / "pyvenv.cfg").unlink(missing_ok=True)  # first: what is half deleted is no venv
        shutil.rmtree(venv)
    venv.mkdir(exist_ok=True)
    stamp = venv / "course-set-up.json"
    stamp.write_text("", encoding="utf-8")
    install(root, venv)
    draft = stamp.with_suffix(".new")
    draft.write_text(json.dumps(want), encoding="utf-8")
    os.replace(draft, stamp)


def install(root: Path, venv: Path) -> None:
    """The pinned packages, then the peers and the course without what they ask for."""
    base = getattr(sys, "_base_executable", None) or sys.executable
    run([base, "-m", "venv", str(venv)], root)
    pip = [str(interpreter(venv)), "-m", "pip", "install", "--disable-pip-version-check"]
    run([*pip, "--requirement", LISTS[0]], root)
    run([*pip, "--no-deps", "--requirement", LISTS[1]], root)
    run([*pip, "--no-deps", "--editable", "."], root)


def run(command: list[str], root: Path) -> None:
    """One command in the folder of the course; SetUpError when it fails."""
    if code := subprocess.run(command, cwd=root).returncode:
        raise SetUpError(
            f"{' '.join(command[1:])} should end with code 0; got {code}. The lines above say\n"
            "why: most often the network is away or the disk is full. Say make bench again then."
        )


if __name__ == "__main__":
    sys.exit(main(set_up))
