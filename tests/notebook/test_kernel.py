"""A training cell in a real Jupyter kernel: stopped, the kernel restarted, and gone on with."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager

TIMEOUT = 120  # seconds; for a machine that is busy
CELL = """\
import time, torch
from course_utils import data, training
from course_utils.notebook import setup

course = setup("02", seed=4)
steps = 0

def loss(model, batch):
    global steps
    steps += 1
    if steps == 5:
        print("five steps")
    time.sleep({pause})
    return (model(batch[0]) - 3 + 0.1 * torch.randn(8, 1)).square().mean()

model = torch.nn.Linear(1, 1)
batches = data.Batches(torch.linspace(-1, 1, 64)[:, None], batch_size=8)
path = course.checkpoint("ring") if {pause} else None
history = training.fit(model, batches, loss, num_steps=60, checkpoint=path)
print("result", model.weight.item(), model.bias.item(), sum(history.loss), torch.rand(()).item())
"""


@pytest.fixture
def kernel(clone, monkeypatch):
    """A kernel in the folder of the notebooks of a course whose own folder is hard to name."""
    monkeypatch.setenv("PYTHONPATH", str(clone))
    for name in ("COURSE_HOME", "COURSE_MODE", "COURSE_TIER"):
        monkeypatch.delenv(name, raising=False)
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(clone / "notebooks"))
    yield manager
    manager.shutdown_kernel(now=True)


def connect(manager: KernelManager) -> BlockingKernelClient:
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=TIMEOUT)
    return client


def run(manager: KernelManager, code: str, *, stop_at: str = "") -> tuple[str, str]:
    """What a cell prints, and its error; the stop button is pressed when it prints `stop_at`."""
    client, printed = connect(manager), []

    def hear(message: dict) -> None:
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])
            if stop_at and stop_at in message["content"]["text"]:
                manager.interrupt_kernel()

    try:
        reply = client.execute_interactive(code, timeout=TIMEOUT, output_hook=hear)["content"]
    finally:
        client.stop_channels()
    error = f"{reply['ename']}: {reply['evalue']}" if reply["status"] == "error" else ""
    return "".join(printed), error


def test_a_stopped_training_goes_on_in_a_new_kernel_to_the_same_last_bit(kernel, clone):
    file = clone / ".course" / "checkpoints" / "02_ring.safetensors"
    _, error = run(kernel, CELL.format(pause=0.1), stop_at="five steps")
    stopped = re.fullmatch(
        r"KeyboardInterrupt: interrupted after step (\d+) of 60; saved to 02_ring\.safetensors\. "
        "Run the cell again to go on.",
        error,
    )
    assert stopped, error
    assert file.is_file()
    kernel.restart_kernel(now=True)
    resumed, error = run(kernel, CELL.format(pause=0.001))
    assert not error
    assert f"Resumed 02_ring.safetensors at step {stopped[1]} of 60." in resumed
    assert not file.exists()
    whole, error = run(kernel, CELL.format(pause=0))
    assert not error
    result = re.compile("^result .*", re.M)
    assert result.findall(resumed) == result.findall(whole) != []


def test_installed_plainly_the_fast_mode_trains_and_says_so(clone, tmp_path):
    """Without the repository there is no data/; a learner's files go below the working folder."""
    (clone / "pyproject.toml").unlink()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    unset = {"COURSE_HOME", "COURSE_TIER", "COURSE_THREADS"}
    environment = {key: value for key, value in os.environ.items() if key not in unset}
    environment |= {"PYTHONPATH": str(clone), "COURSE_MODE": "fast"}
    printed = subprocess.run(
        [sys.executable, "-c", CELL.format(pause=0.001) + "print(path, training.__file__)"],
        cwd=elsewhere,
        env=environment,
        capture_output=True,
        check=True,
        encoding="utf-8",
    ).stdout
    assert "No trained weights of 'ring' are shipped for the cpu tier: they are trained" in printed
    assert "result" in printed
    assert str(elsewhere / ".course" / "checkpoints" / "02_ring.safetensors") in printed
    assert str(Path("course_utils", "training", "__init__.py")) in printed
