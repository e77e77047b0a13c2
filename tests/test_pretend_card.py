"""Every lesson keeps its tensors on one device, shown on a card that is only pretended."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOOL = ROOT / "tests" / "pretend_card.py"
LESSONS = sorted((ROOT / "lessons").glob("[0-9][0-9]_*.py"))
ABSENT = 77  # pretend_card.ABSENT
A_DOZEN = "12"  # training steps


def run_on_card(lesson: Path, *steps: str) -> subprocess.CompletedProcess:
    """Run a lesson on the card in a Python of its own, for the card changes torch."""
    quiet = {"MPLBACKEND": "Agg", "TQDM_DISABLE": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(TOOL), str(lesson), *steps],
        cwd=ROOT,
        env={**os.environ, **quiet, "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
    )
    if done.returncode == ABSENT:
        pytest.skip("this torch has no devices written in Python")
    return done


@pytest.mark.timeout(900)  # a device written in Python takes several times as long
@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_lesson_keeps_to_one_device(lesson):
    done = run_on_card(lesson, A_DOZEN)
    assert done.returncode == 0, done.stdout + done.stderr


def test_so_does_one_that_loads_shipped_weights():
    """All of them load by the same two calls, `course.checkpoint` and `fit`: one is enough."""
    lesson = next(path for path in LESSONS if "course.checkpoint" in path.read_text("utf-8"))
    done = run_on_card(lesson)
    assert done.returncode == 0, done.stdout + done.stderr


ON_THE_CARD = """
import torch
from course_utils.notebook import setup

# %%
course = setup("01")
assert course.device.type == "card"

# %%
def train(device):
    torch.manual_seed(0)
    layer = torch.nn.Linear(3, 1).to(device)
    x = torch.randn(8, 3).to(device)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1)
    for _ in range(5):
        optimizer.zero_grad()
        layer(x).square().mean().backward()
        optimizer.step()
    assert layer.weight.device == x.device
    return layer.weight.detach().cpu()

assert torch.equal(train(course.device), train("cpu"))
"""
SHORTENED = """
import torch
from course_utils import training
from course_utils.notebook import setup

course = setup("01")
x = torch.ones(4, 1, device=course.device)
layer = torch.nn.Linear(1, 1).to(course.device)
loss = lambda model, batch: model(batch[0]).square().mean()
history = training.fit(layer, [(x,)] * 100, loss, num_steps=100)
assert len(history.loss) == 12
"""


@pytest.mark.parametrize("source", [ON_THE_CARD, SHORTENED], ids=["as on the CPU", "fit is short"])
def test_the_card_computes_what_the_cpu_computes(tmp_path, source):
    lesson = tmp_path / "lesson.py"
    lesson.write_text(f"# %%{source}", encoding="utf-8")
    done = run_on_card(lesson, A_DOZEN)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "mixed",
    [
        "torch.zeros(2, device=course.device) + torch.ones(2)",
        "torch.nn.Linear(2, 2)(torch.zeros(1, 2, device=course.device))",
        "torch.cat([torch.zeros(2), torch.zeros(2, device=course.device)])",
        "torch.zeros(2, device=course.device).numpy()",
    ],
)
def test_the_card_refuses_to_mix(tmp_path, mixed):
    lesson = tmp_path / "lesson.py"
    start = 'import torch\nfrom course_utils.notebook import setup\ncourse = setup("01")'
    lesson.write_text(f"# %%\n{start}\n# %%\n{mixed}\n", encoding="utf-8")
    done = run_on_card(lesson)
    assert done.returncode == 1
    assert "1 cells failed" in done.stdout, done.stdout + done.stderr
