"""Runs a notebook in a fresh kernel and cleans what it printed."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from builder.freshness import PACKAGE

CELL_TIMEOUT = 180  # seconds; the whole lesson may take half of it
SETTINGS: dict[str, Any] = {
    "kernel_name": "python3",
    "record_timing": False,
    "coalesce_streams": True,  # what one cell prints is one output, however it arrives
    "extra_arguments": ["--log-level=ERROR"],
}
# Runs after the last cell: which modules of the package were used?
PROBE = f"""\
import json, sys
print(json.dumps([name for name in sys.modules if name.split(".")[0] == "{PACKAGE}"]))"""
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
WIDGET_NOTE = "Run this cell to get its slider. The next cell shows one frame of it."
PROGRESS_BAR = re.compile(r"\d+%\||/s\]")
ANSI_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class ExecutionError(RuntimeError):
    """A cell that failed, or printed what a built notebook must not hold."""

    def __init__(self, name: str, index: int, cell: NotebookNode, message: str) -> None:
        first = cell.source.strip().splitlines()[0]
        super().__init__(f"{name}, cell {index + 1} (`{first}`): {message}")


def execute(notebook: NotebookNode, name: str, folder: Path, root: Path) -> list[str]:
    """Executes all cells in place, in `folder`, and returns the `course_utils` modules they used.

    Args:
        notebook: The notebook; its outputs are replaced and cleaned.
        name: What to call it in an error, such as "notebooks/01_x.ipynb".
        folder: The working folder of its kernel: the one that the notebook is saved in.
        root: The repository, which is imported from and which no output may name.

    Raises:
        ExecutionError: A cell raised, took too long, killed its kernel, or printed a full path.
    """
    current = {"index": 0}
    metadata = deepcopy(notebook.metadata)
    client = NotebookClient(
        notebook,
        **SETTINGS,
        timeout=CELL_TIMEOUT,
        resources={"metadata": {"path": str(folder)}},
        on_cell_start=lambda cell, cell_index: current.update(index=cell_index),
    )
    probe = new_code_cell(PROBE)
    notebook.cells.append(probe)
    try:
        _forget_claims(root)
        client.execute(env=_environment(root))
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        index = current["index"]
        raise ExecutionError(name, index, notebook.cells[index], _explain(error)) from error
    finally:
        notebook.cells.remove(probe)
        notebook.metadata = metadata  # without the widgets and the Python version that ran it
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            _clean(cell)
            _refuse_paths(name, index, cell, root)
    return sorted(json.loads(probe.outputs[0].text))


def text_of(cell: NotebookNode) -> str:
    """Everything that a cell printed or showed, as plain text."""
    return "\n".join(text for output in cell.get("outputs", []) for text in _texts(output))


def _forget_claims(root: Path) -> None:
    """What earlier builds claimed is gone: the board shows what a reader has, who ran nothing."""
    shutil.rmtree(root / ".course" / "build" / "claims", ignore_errors=True)


def _environment(root: Path) -> dict[str, str]:
    """The small tier on one thread, no progress bars, and this repository's own package."""
    environment = {
        "OMP_NUM_THREADS": "1",
        "COURSE_THREADS": "1",
        **os.environ,
        "COURSE_TIER": "cpu",
        "COURSE_MODE": "full",
        "COURSE_HOME": str(root / ".course" / "build"),
        "TQDM_DISABLE": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")])),
    }
    environment.pop("MPLBACKEND", None)  # the kernel chooses the one that shows figures inline
    return environment


def _explain(error: Exception) -> str:
    if isinstance(error, CellExecutionError):
        return f"{error.ename}: {ANSI_COLOUR.sub('', error.evalue)}"
    if isinstance(error, CellTimeoutError):
        return f"took longer than {CELL_TIMEOUT} s"
    return "the kernel died (out of memory, or a crash in compiled code)"


def _clean(cell: NotebookNode) -> None:
    """Drops warnings, progress bars and widget views: none means anything without its kernel."""
    cell.outputs = [output for output in cell.outputs if not _is_noise(output)]
    for output in cell.outputs:
        data = output.get("data", {})
        if WIDGET_VIEW in data:
            del data[WIDGET_VIEW]
            own = data.get("text/plain", "")
            data["text/plain"] = own if own.startswith("[Run this cell") else WIDGET_NOTE


def _is_noise(output: Any) -> bool:
    data = output.get("data", {})
    is_bar = WIDGET_VIEW in data and PROGRESS_BAR.search(data.get("text/plain", ""))
    return bool(is_bar) or output.get("name") == "stderr"


def _texts(output: Any) -> Iterator[str]:
    if "text" in output:
        yield output.text
    for kind, value in output.get("data", {}).items():
        if kind.startswith("text/"):
            yield value


def _refuse_paths(name: str, index: int, cell: NotebookNode, root: Path) -> None:
    text = text_of(cell)
    for private in (str(root), str(Path.home())):
        if len(private) > 1 and re.search(re.escape(private) + r"(?![\w-])", text):
            raise ExecutionError(name, index, cell, f"prints {private}: print a relative path")
    address = re.search(r"\bat (0x[0-9a-f]{6,})", text)
    if address:
        raise ExecutionError(
            name, index, cell, f"prints the address {address[1]}, which differs on every run"
        )
