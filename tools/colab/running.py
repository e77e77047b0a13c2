"""Runs a notebook from top to bottom in an empty folder, with the network cut."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from builder.execute import ANSI_COLOUR, text_of

GUARD = Path(__file__).with_name("guard")
CELL_TIMEOUT = 300  # seconds
# Without `site`, packages that are installed for development are not found: the course is one.
START = """\
import sys
sys.path += {folders!r}
import sitecustomize
from ipykernel import kernelapp
kernelapp.launch_new_instance()"""
FOLDERS = """\
import json, sysconfig
print(json.dumps(sorted({sysconfig.get_path(kind) for kind in ("purelib", "platlib")})))"""
KEPT = ("PATH", "SYSTEMROOT", "TMP", "TEMP", "TMPDIR", "LANG", "LD_LIBRARY_PATH")


@dataclass(frozen=True)
class Ran:
    """How a notebook ended: what its first cell said each time, and what is wrong, if anything."""

    first: tuple[str, str]
    claims: str  # such as "9 of 9 claims hold"
    problem: str = ""


def run(path: Path, python: Path, mode: str) -> Ran:
    """Run a notebook, its first code cell twice.

    Args:
        path: the notebook; it is not changed.
        python: the interpreter, of an environment with ipykernel.
        mode: "fast" or "full".
    """
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    notebook.cells.insert(notebook.cells.index(cells[0]) + 1, deepcopy(cells[0]))
    notebook.cells[notebook.cells.index(cells[0]) + 1].id = "again"
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    python = Path(os.path.abspath(python))  # its folder is another one, and a link stays one
    before, problem = installed(python), ""
    with tempfile.TemporaryDirectory() as folder:
        try:
            _execute(notebook, python, Path(folder), mode)
        except CellExecutionError as error:
            problem = f"{error.ename}: {ANSI_COLOUR.sub('', error.evalue)}"
        except (CellTimeoutError, DeadKernelError) as error:
            problem = type(error).__name__
    said = [text_of(cell).strip() for cell in cells]
    claims = re.findall(r"^(?:\d+ of \d+ claims hold|FAILS \|.*)$", "\n".join(said), re.M)
    return Ran(
        (said[0], said[1]),
        "; ".join(claims),
        problem
        or _problem(said, claims)
        or ("" if installed(python) == before else "it installed"),
    )


def installed(python: Path) -> list[str]:
    """The packages and versions of an environment."""
    return [entry.name for folder in _folders(python) for entry in Path(folder).glob("*.dist-info")]


def _folders(python: Path) -> list[str]:
    answer = subprocess.run([python, "-c", FOLDERS], capture_output=True, text=True, check=True)
    folders: list[str] = json.loads(answer.stdout)
    return folders


def _problem(said: list[str], claims: list[str]) -> str:
    if not said[0].startswith("Took the course") or not said[1].endswith("is here already."):
        return f"its first cell said {said[0]!r}, then {said[1]!r}"
    if not claims:
        return "it printed no verdicts"
    if any(claim.startswith("FAILS") for claim in claims):
        return "a claim fails"
    return ""


def _execute(notebook: NotebookNode, python: Path, folder: Path, mode: str) -> None:
    with tempfile.TemporaryDirectory() as specs:
        start = START.format(folders=_folders(python))
        argv = [str(python), "-S", "-c", start, "-f", "{connection_file}"]
        spec = Path(specs, "alone", "kernel.json")
        spec.parent.mkdir()
        spec.write_text(json.dumps({"argv": argv, "display_name": "alone", "language": "python"}))
        manager = AsyncKernelManager(
            kernel_name="alone", kernel_spec_manager=KernelSpecManager(kernel_dirs=[specs])
        )
        client = NotebookClient(
            notebook,
            km=manager,
            timeout=CELL_TIMEOUT,
            resources={"metadata": {"path": str(folder)}},
            coalesce_streams=True,
        )
        client.execute(env=_environment(folder, mode))


def _environment(folder: Path, mode: str) -> dict[str, str]:
    """A bare environment: nothing of this repository is on a path."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    fixed = {"OMP_NUM_THREADS": "1", "COURSE_THREADS": "1", "TQDM_DISABLE": "1"}
    fixed["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # else the debugger warns at each start
    home = {"HOME": str(folder), "USERPROFILE": str(folder)}
    return {**kept, **fixed, **home, "COURSE_MODE": mode, "PYTHONPATH": str(GUARD)}
