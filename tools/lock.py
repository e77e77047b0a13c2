"""Pins the packages of pyproject.toml in requirements.lock, for every system and Python at once.

    python tools/lock.py               keeps the versions that still fit
    python tools/lock.py --upgrade     takes the newest

Needs uv (`pip install uv`), which alone resolves for other systems than its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
TORCH = "torch==2.13.0"
# What torch itself asks for on Linux with an NVIDIA card: pip adds it where torch's build needs it.
TORCH_PARTS = ("cuda-", "nvidia-", "triton")
HEADER = """\
# Made by `make lock` from pyproject.toml (extras lab, test, scale) for Python 3.10 to 3.13 on
# Linux, macOS and Windows. Do not edit. torch's own NVIDIA packages are left to pip.
"""


def lock_text(lines: Iterable[str]) -> str:
    """The lock file: the resolved pins under their header, without what torch brings itself."""
    pins = [line for line in lines if line[:1].isalnum() and not line.startswith(TORCH_PARTS)]
    return HEADER + "\n".join(pins) + "\n"


def resolve(arguments: Sequence[str]) -> list[str]:
    """Asks uv for pins that fit all Pythons of the course; starts from the present ones."""
    with tempfile.TemporaryDirectory() as folder:
        constraint, output = Path(folder, "constraint.txt"), Path(folder, "requirements.lock")
        constraint.write_text(TORCH, encoding="utf-8")
        if LOCK.exists():
            shutil.copy(LOCK, output)
        command = [*("uv", "pip", "compile", "pyproject.toml", "--universal", "--quiet")]
        command += [
            "--python-version=3.10",
            "--extra=lab",
            "--extra=test",
            "--extra=scale",
            "--no-annotate",
        ]
        command += [f"--constraints={constraint}", f"--output-file={output}", *arguments]
        subprocess.run(command, cwd=ROOT, check=True)
        return output.read_text(encoding="utf-8").splitlines()


def main(arguments: Sequence[str]) -> int:
    """Writes requirements.lock and returns the exit code."""
    try:
        text = lock_text(resolve(arguments))
    except FileNotFoundError:
        print("uv is needed: pip install uv", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        return error.returncode
    draft = LOCK.with_suffix(".new")
    draft.write_text(text, encoding="utf-8", newline="\n")
    os.replace(draft, LOCK)
    print(f"requirements.lock: {len(text.splitlines()) - len(HEADER.splitlines())} pins")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
