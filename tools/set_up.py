"""Makes `.venv` with everything that the course needs; does nothing when it is ready.

Runs on a bare Python. `.venv/course-set-up.json` is the stamp: before the first change it says what
is begun, and only after the last one that it is ready, so an interrupted set-up never looks
finished. A failed update is tried again as an update: what worked before is not deleted.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# JupyterLab would ask, over the first lesson, whether to fetch news from the network.
LAB_SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}
}


UPDATING = "an update was begun"  # in the stamp, in place of the packages that are there
# What of a user's environment would make pip and Python work elsewhere than in `.venv`.
MISLEADING = (
    "PYTHONHOME",
    "PYTHONPATH",
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_ROOT",
    "__PYVENV_LAUNCHER__",
)


class SetUpError(RuntimeError):
    """The environment cannot be made; the message says what to do."""


def wanted(root: Path) -> dict[str, str]:
    """What the stamp of a ready environment says. A moved folder breaks paths inside `.venv`."""
    return {
        "folder": str(root),
        "python": "{}.{}".format(*sys.version_info),
        "packages": hashlib.sha256((root / "requirements.lock").read_bytes()).hexdigest(),
    }


def next_step(venv: Path, want: dict[str, str]) -> str:
    """Tells what `.venv` needs: "nothing", "update" (install into it) or "fresh" (start again).

    Raises:
        SetUpError: It was made by hand with another Python, so it is not ours to delete.
    """
    stamp = venv / "course-set-up.json"
    works = _answers(interpreter(venv))
    if not stamp.exists():
        version = _version_of(venv)
        if version not in (None, want["python"]) or (version and not works):
            state = f"Python {version}" if works else f"a Python {version} that does not start"
            raise SetUpError(
                f"{venv} holds {state}, the course is set up with {want['python']}.\n"
                f"Delete that folder, or say: make lab PYTHON=python{version}"
            )
        return "update" if version else "fresh"
    try:
        have = json.loads(stamp.read_text(encoding="utf-8"))
    except ValueError:
        return "fresh"
    if not works:
        return "fresh"  # the Python that it was made with has gone
    if have == want:
        return "nothing"
    return "update" if have == {**want, "packages": have.get("packages")} else "fresh"


def _answers(python: Path) -> bool:
    """Whether a Python is there and starts."""
    try:
        run = subprocess.run([str(python), "-c", ""], env=environment(), capture_output=True)
    except OSError:
        return False
    return run.returncode == 0


def set_up(root: Path) -> None:
    """Brings `.venv` under `root` to the packages of requirements.lock.

    Raises:
        SetUpError: Something is missing on this machine, or pip failed.
    """
    venv, want = root / ".venv", wanted(root)
    if next_step(venv, want) == "nothing":
        return
    _require_venv_module()
    _require_plain_name(root)
    with _alone(root):
        step = next_step(venv, want)  # again: another set-up may have just ended
        if step != "nothing":
            _install(root, venv, want, fresh=step == "fresh")


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Waits while another process sets up the same folder; a lock dies with its process."""
    with open(root / "requirements.lock", "rb") as file:
        if os.name == "posix":
            fcntl = importlib.import_module("fcntl")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                print("Another set-up of this folder is running; waiting for it ...", flush=True)
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _install(root: Path, venv: Path, want: dict[str, str], *, fresh: bool) -> None:
    print(f"Setting up the course in {venv} (a few minutes, once) ...", flush=True)
    if fresh:
        _hint_at_smaller_torch()
    with stamped(venv, want, fresh=fresh):
        _fill(root, venv)
    print("The course is set up.", flush=True)


@contextmanager
def stamped(venv: Path, want: dict[str, str], *, fresh: bool) -> Iterator[None]:
    """A block that fills an environment: the stamp says that it is ready if the block ends well.

    Args:
        venv: The folder; what is in it is deleted first if `fresh`.
        want: What the stamp says at the end.
        fresh: Whether to start again, or to install into what is there.
    """
    if fresh and venv.exists():
        (venv / "pyvenv.cfg").unlink(missing_ok=True)  # first: what is half deleted is no venv
        shutil.rmtree(venv)
    venv.mkdir(exist_ok=True)
    stamp = venv / "course-set-up.json"
    begun = "" if fresh else json.dumps({**want, "packages": UPDATING})
    stamp.write_text(begun, encoding="utf-8")
    yield
    draft = stamp.with_suffix(".new")
    draft.write_text(json.dumps(want), encoding="utf-8")
    os.replace(draft, stamp)


def _fill(root: Path, venv: Path) -> None:
    """Makes the environment and installs the packages and the course."""
    # Never the Python of the environment that is being replaced.
    base = getattr(sys, "_base_executable", None) or sys.executable
    run([base, "-m", "venv", str(venv)], "The virtual environment could not be made.")
    pip = [str(interpreter(venv)), "-m", "pip", "install", "--disable-pip-version-check"]
    failed = (
        "pip could not install the packages; its last lines above say why. Without a network or\n"
        "with a full disk it cannot: run the same command again when that is solved."
    )
    run([*pip, "--requirement", str(root / "requirements.lock")], failed)
    run([*pip, "--no-deps", "--editable", str(root)], failed)
    settings = venv / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(json.dumps(LAB_SETTINGS), encoding="utf-8")


def interpreter(venv: Path) -> Path:
    """The Python of a virtual environment."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _version_of(venv: Path) -> str | None:
    """The Python ("3.11") that made a virtual environment; None when there is none."""
    try:
        lines = (venv / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    fields = {key.strip(): value.strip() for key, _, value in (li.partition("=") for li in lines)}
    version = fields.get("version") or fields.get("version_info") or "unknown"
    return ".".join(version.split(".")[:2])


def _require_venv_module() -> None:
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        version = "{}.{}".format(*sys.version_info)
        raise SetUpError(
            f"Python {version} ({sys.executable}) comes without its venv module. Install it:\n"
            f"  Debian, Ubuntu   sudo apt install python{version}-venv\n"
            "or name another Python: make lab PYTHON=/path/to/python3.12"
        )


def _require_plain_name(root: Path) -> None:
    """Python's own installer takes $x in a path for a variable of its settings."""
    if "$" in str(root):
        raise SetUpError(
            f"{root} has a $ in its name, which Python's installer cannot handle.\n"
            "Move or rename the folder, then run the same command again."
        )


def _hint_at_smaller_torch() -> None:
    """On Linux PyPI's torch brings several GB for NVIDIA cards, wanted or not."""
    configured = any(name in os.environ for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"))
    if platform.system() == "Linux" and not shutil.which("nvidia-smi") and not configured:
        print(
            "No NVIDIA card was found. Torch's build for the processor alone saves several GB:\n"
            "set PIP_EXTRA_INDEX_URL to the address for CPU on https://pytorch.org/get-started\n"
            "and start again. Without it the course works too.",
            flush=True,
        )


def environment() -> dict[str, str]:
    """The user's environment, less what would lead pip and Python away from `.venv`."""
    kept = {name: value for name, value in os.environ.items() if name not in MISLEADING}
    return {**kept, "PIP_USER": "0", "PYTHONNOUSERSITE": "1"}  # 0 outdoes pip's own settings too


def run(command: Sequence[str], failed: str) -> None:
    """Runs a command in the folder of the course.

    Raises:
        SetUpError: It failed; `failed` says what to do.
    """
    if subprocess.run(command, cwd=ROOT, env=environment()).returncode:
        raise SetUpError(failed)


def main(prepare: Callable[[Path], None] = set_up) -> int:
    """Prepares an environment under the root of the course and returns the exit code."""
    if not (3, 10) <= sys.version_info[:2] <= (3, 13):
        print(f"The course needs Python 3.10 to 3.13; this is {platform.python_version()}.")
        return 1
    try:
        prepare(ROOT)
    except (SetUpError, OSError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. The next run starts the set-up again.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
