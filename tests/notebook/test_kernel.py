"""A training cell in a real Jupyter kernel: stopped, the kernel restarted, and gone on with."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
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
steps, pause = 0, [{pause}]

def loss(model, batch):
    global steps
    steps += 1
    if steps == 5:
        print("five steps")
    time.sleep(pause[0])
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


def test_installed_plainly_the_fast_mode_finds_its_weights_from_any_folder(root, tmp_path):
    """As in Colab: the package lies in site-packages, and no repository is near."""
    wheel = [
        *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation")
    ]
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "LICENSE-prose.md"):
        shutil.copy(root / name, source)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(root / "course_utils", source / "course_utils", ignore=ignored)
    subprocess.run([*wheel, f"--wheel-dir={tmp_path}", str(source)], check=True, timeout=TIMEOUT)
    (built,) = tmp_path.glob("course_utils-*.whl")
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    zipfile.ZipFile(built).extractall(site)
    elsewhere.mkdir()
    unset = {"COURSE_HOME", "COURSE_TIER", "COURSE_THREADS"}
    environment = {key: value for key, value in os.environ.items() if key not in unset}
    environment |= {"PYTHONPATH": str(site), "COURSE_MODE": "fast"}
    script = (
        "import course_utils; from course_utils.notebook import setup, folders\n"
        "names = sorted(path.stem for path in folders.WEIGHTS.glob('*.safetensors'))\n"
        "lesson, _, name = names[0].partition('_')\n"
        "print(setup(lesson).checkpoint(name)); print(len(names)); print(course_utils.__file__)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=elsewhere,
        env=environment,
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    *_, path, number, package = run.stdout.splitlines()
    assert "No trained weights" not in run.stdout
    assert int(number) == len(list((root / "course_utils" / "weights").glob("*.safetensors")))
    assert Path(package).is_relative_to(site)
    assert Path(path).is_relative_to(elsewhere / ".course")  # a learner's files: where they work
    assert Path(path).is_file()
