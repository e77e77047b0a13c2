"""The fast mode: every shipped file is whole, listed, small, and what its lesson would train.

Each lesson runs once with the shipped weights. A training that they do not spare would mean that
the lesson's recipe has changed since; nothing is trained here.
"""

import hashlib
import json
import re
from pathlib import Path

import pytest
import torch

import ship_checkpoints
from builder.execute import ExecutionError, text_of
from builder.lesson import find_lessons, read_lesson
from course_utils.training import load_checkpoint

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = sorted((ROOT / ship_checkpoints.FOLDER).glob("*.safetensors"))
STALE = "data/checkpoints is stale: run make checkpoints"
LARGEST = 5_000_000  # bytes, all together
# Before each training its first loss is computed from the lesson's own network, data and random
# state, and compared with the first loss in the file: a recipe that changed shows there.
FAST = """\
import json, math, os, sys
os.environ.update(COURSE_HOME={home!r}, COURSE_MODE="fast")
import torch
from course_utils import training

fit = training.fit

def refuse(*args, first_step, num_steps, **options):
    assert first_step == num_steps, {stale!r}
    return iter(())

def loaded(model, batches, loss_fn, *, checkpoint, **options):
    state = torch.get_rng_state()
    first = loss_fn(model.train(), batches[0]).item()
    torch.set_rng_state(state)
    history = fit(model, batches, loss_fn, checkpoint=checkpoint, **options)
    model.eval()
    print("fit:", json.dumps([checkpoint.name, first, history.loss[0]]))
    return history

sys.modules[fit.__module__].train_steps = refuse
training.fit = loaded"""

each_file = pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)


def test_together_they_are_small():
    assert SHIPPED
    assert sum(path.stat().st_size for path in SHIPPED) < LARGEST


@each_file
def test_a_shipped_file_is_whole_and_finished(path):
    tensors, description = load_checkpoint(path)
    assert len(tensors["loss"]) == description["config"]["num_steps"]
    assert bool(torch.isfinite(tensors["loss"]).all())
    assert not any(name.startswith("optimizer.") for name in tensors)


@each_file
def test_its_hash_stands_in_the_readme(path):
    text = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    assert hashlib.sha256(path.read_bytes()).hexdigest() in text, STALE


def test_the_readme_is_what_the_files_make():
    assert (ROOT / "data" / "README.md").read_text(encoding="utf-8") == (
        ship_checkpoints.readme(ROOT)
    ), STALE


def fast(lesson, home: Path):
    """The lesson run in the fast mode, and what each of its trainings said."""
    first = FAST.format(home=str(home), stale=STALE)
    notebook = ship_checkpoints.executed(lesson, ROOT, first)
    said = "\n".join(text_of(cell) for cell in notebook.cells if cell.cell_type == "code")
    return said, [json.loads(line) for line in re.findall(r"^fit: (.*)$", said, re.M)]


@pytest.mark.parametrize("path", find_lessons(ROOT), ids=lambda path: path.stem)
def test_a_lesson_in_the_fast_mode_trains_nothing_and_its_claims_hold(path, tmp_path):
    lesson = read_lesson(path)
    said, trainings = fast(lesson, tmp_path)
    assert "holds |" in said
    assert "FAILS |" not in said
    for name, now, then in trainings:
        assert now == pytest.approx(then, rel=1e-3), f"{name}: another first loss. {STALE}"
    asked_for = {name.replace("_fast.", ".") for name, _, _ in trainings}
    assert asked_for == {file.name for file in SHIPPED if file.name[:2] == lesson.number}, STALE


def test_a_changed_recipe_is_noticed(tmp_path):
    """The test above can fail: it is run on lessons whose recipe differs from the shipped one."""
    for old, new, sign in (
        ("num_steps=sizes.judge_steps", "num_steps=sizes.judge_steps + 1", STALE),
        ('course.checkpoint("judge")', 'course.checkpoint("another")', STALE),
        ("torch.tensor", "torch.tensor", ""),
    ):
        assert sign in said_by(lesson_01_with(old, new), tmp_path)
