"""How long a learner waits: for the imports, and in a kernel for the first figure."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import contextmanager
from typing import Any

from frame.goals import Goal
from frame.turns import alternate

IMPORTS = {
    "torch alone": "import torch",
    "ours": (
        "import course_utils.diffusion, course_utils.language, course_utils.training, "
        "course_utils.data"
    ),
    "diffusers": "import diffusers; from diffusers import UNet2DModel",
    "transformers": "import transformers; from transformers import GPT2LMHeadModel",
}
SET_UP = """
import torch
from course_utils import data
from course_utils.notebook import plots, setup

course = setup("01", seed=0)
"""
FIGURE = """
points = data.ring(500, generator=torch.Generator().manual_seed(0))
plots.scatter({"clean": points}, title="A ring of eight clusters")
"""
TIMEOUT = 120  # seconds for a kernel that does not answer


def measure_section(
    rounds: int = 5, kernels: int = 3, imports: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Imports of ours and of the peers in turn, then the kernel; ours should be the fastest."""
    imports = imports or IMPORTS
    functions = {name: lambda code=code: seconds_of(code) for name, code in imports.items()}
    found = alternate(functions, rounds)
    medians = {name: row["median"] for name, row in found.items()}
    peers = {name: medians[name] for name in imports if name not in ("ours", "torch alone")}
    best = min(peers, key=lambda name: peers[name])
    goal = Goal.lower("start: seconds to import", medians["ours"], peers[best], best, 1.0)
    details = {
        "seconds": found,
        "beyond_torch": {
            name: value - medians["torch alone"]
            for name, value in medians.items()
            if name != "torch alone"
        },
        "ratios": {name: value / medians["ours"] for name, value in peers.items()},
        "kernel_to_first_figure": statistics.median(first_figure() for _ in range(kernels)),
    }
    return {"goals": [goal], "details": details}


def seconds_of(code: str) -> float:
    """Seconds on the clock that a fresh Python takes to run some code and end.

    Raises:
        RuntimeError: the code failed; what it printed is in the message.
    """
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        encoding="utf-8",
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(
            f"{code!r} should run in {sys.executable}; it failed with\n{done.stderr[-2000:]}\n"
            "Use the environment that bench/set_up.py makes: .venv-bench/bin/python bench/run.py"
        )
    return seconds


def first_figure() -> float:
    """Seconds from the start of a kernel to the first figure of a lesson.

    Raises:
        RuntimeError: a cell failed, or showed no figure.
    """
    with tempfile.TemporaryDirectory() as home:
        start = time.perf_counter()
        with kernel({**os.environ, "COURSE_HOME": home}) as client:
            run_cell(client, SET_UP)
            shown = run_cell(client, FIGURE)
        if not shown:
            raise RuntimeError(
                "the cell should show a figure; got none. Run it in a notebook and look."
            )
        return shown[0] - start


@contextmanager
def kernel(environment: dict[str, str]) -> Any:
    """A running kernel of this Python; yields the client that talks to it."""
    from jupyter_client.manager import KernelManager

    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(env=environment)
    client = manager.blocking_client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=TIMEOUT)
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def run_cell(client: Any, code: str) -> list[float]:
    """Run a cell; the moments at which it showed an image."""
    shown: list[float] = []

    def hear(message: dict[str, Any]) -> None:
        if "image/png" in message["content"].get("data", {}):
            shown.append(time.perf_counter())

    reply = client.execute_interactive(code, timeout=TIMEOUT, output_hook=hear)["content"]
    if reply["status"] != "ok":
        raise RuntimeError(
            f"the cell should run; it failed with {reply['ename']}: {reply['evalue']}.\n{code}"
        )
    return shown
