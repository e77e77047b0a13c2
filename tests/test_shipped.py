"""The fast mode: every shipped file is whole, listed, small, and what its lesson would train.

Each lesson that has shipped weights runs once with them. A training that they do not spare would
mean that the lesson's recipe has changed since; nothing is trained here. The other lessons are the
same in both modes, and run as notebooks.
"""

import hashlib
import json
import platform
import re
from pathlib import Path

import pytest
import torch
from nbformat.v4 import new_code_cell, new_notebook, new_output

import ship_checkpoints
from builder.execute import ExecutionError, text_of
from builder.lesson import find_lessons, read_lesson
from course_utils import data, recipes, training
from course_utils.training import load_checkpoint

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = sorted((ROOT / ship_checkpoints.FOLDER).glob("*.safetensors"))
STALE = "course_utils/weights is stale: run make checkpoints"
LARGEST = 16_000_000  # bytes, all together
# Before each training its first loss is computed from the lesson's own network, data and random
# state, and compared with the first loss in the file: a recipe that changed shows there.
FAST = """\
import json, math, os, sys
os.environ.update(COURSE_HOME={home!r}, COURSE_MODE="fast")
import torch
from course_utils import training

fit = training.fit
fit_steps = sys.modules[fit.__module__].train_steps

def refuse(*args, first_step, num_steps, **options):
    assert first_step == num_steps, {stale!r}
    yield from ()

def loaded(model, batches, loss_fn, *, checkpoint=None, **options):
    sys.modules[fit.__module__].train_steps = refuse if checkpoint else fit_steps
    if not checkpoint:  # a few steps that a page compares with its own loop
        return fit(model, batches, loss_fn, **options)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.step_seed(torch.initial_seed(), 0))
        first = loss_fn(model.train(), batches[0]).item()
    history = fit(model, batches, loss_fn, checkpoint=checkpoint, **options)
    model.eval()
    print("fit:", json.dumps([checkpoint.name, first, history.loss[0]]))
    return history

training.fit = loaded"""

# What makes a lesson differ in the fast mode.
ASKS = re.compile(r"\bcourse\.(checkpoint|mode)\b|COURSE_MODE")
SPARED = [path for path in find_lessons(ROOT) if ASKS.search(path.read_text(encoding="utf-8"))]

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
    text = (ROOT / "course_utils" / "weights" / "README.md").read_text(encoding="utf-8")
    assert hashlib.sha256(path.read_bytes()).hexdigest() in text, STALE


def test_the_readme_is_what_the_files_make():
    assert (ROOT / "course_utils" / "weights" / "README.md").read_text(encoding="utf-8") == (
        ship_checkpoints.readme(ROOT)
    ), STALE


def fast(source: Path, home: Path) -> tuple[str, list]:
    """What a lesson prints in the fast mode; and of each training its name and first losses."""
    lesson, first = read_lesson(source), FAST.format(home=str(home), stale=STALE)
    notebook = ship_checkpoints.executed(lesson, source.parents[1], first)
    said = "\n".join(text_of(cell) for cell in notebook.cells if cell.cell_type == "code")
    return said, [json.loads(line) for line in re.findall(r"^fit: (.*)$", said, re.M)]


def stale(trainings: list, files: list[Path]) -> list[str]:
    """The names of trainings that are not those of the files."""
    moved = [name for name, now, then in trainings if now != pytest.approx(then, rel=1e-3)]
    asked_for = {name.replace("_fast.", ".") for name, _, _ in trainings}
    return moved + sorted(asked_for ^ {file.name for file in files})


@pytest.mark.timeout(900)  # it runs a whole lesson
@pytest.mark.parametrize("source", SPARED, ids=lambda path: path.stem)
def test_a_lesson_in_the_fast_mode_trains_nothing_and_its_claims_hold(source, tmp_path):
    files = [path for path in SHIPPED if path.name[:2] == source.name[:2]]
    made_with = {load_checkpoint(path)[1]["made_with"]["python"] for path in files}
    elsewhere = made_with - {platform.python_version()}
    if elsewhere and "python_docs" in source.read_text(encoding="utf-8"):
        pytest.skip(f"trained on the documentation of Python {', '.join(elsewhere)}")
    said, trainings = fast(source, tmp_path)
    assert re.search(r"^(\d+) of \1 claims hold$", said, re.M)
    assert "FAILS |" not in said
    assert not stale(trainings, files), STALE


def test_a_lesson_that_asks_for_no_checkpoint_has_no_file():
    numbers = {path.name[:2] for path in SHIPPED if path.name[:2].isdigit()}
    assert numbers <= {path.name[:2] for path in SPARED}


LESSON = """\
# %% [markdown]
# # 01 · Tiny

# %% tags=["setup"]
import torch
from course_utils import data, training
from course_utils.notebook import Claims, setup

course, claims = setup("01"), Claims("01")

# %%
x = torch.linspace(-1, 1, 64)[:, None]

def squared(model, batch):
    return (model(batch[0]) - 3).square().mean()

for name in ("one", "two"):
    model = torch.nn.Linear(1, 1)
    batches = data.Batches(x, batch_size=8)
    path = course.checkpoint(name)
    training.fit(model, batches, squared, num_steps=20, checkpoint=path)

# %%
claims.check("it learns", float(model.bias) + torch.rand(()), ">", -5)
claims.verdicts()
print(f"afterwards {model.bias.item():.2f}", torch.rand(()).item())
"""


def afterwards(said: str) -> str:
    return re.findall("^afterwards .*$", said, re.M)[-1]


def test_what_the_maker_ships_is_loaded_and_a_changed_recipe_is_noticed(clone, tmp_path):
    source = clone / "lessons" / "01_tiny.py"
    source.write_text(LESSON, encoding="utf-8")
    folder = clone / ship_checkpoints.FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "01_former.safetensors").touch()  # no training has this name any more
    (folder / "02_other.safetensors").touch()  # of another lesson
    whole = ship_checkpoints.ship(read_lesson(source), clone)
    files = sorted(folder.glob("01_*"))
    assert [path.name for path in files] == ["01_one.safetensors", "01_two.safetensors"]
    assert (folder / "02_other.safetensors").exists()
    before = [path.read_bytes() for path in files]

    said, trainings = fast(source, tmp_path)
    assert stale(trainings, files) == []
    # The same weights, but for their rounding, and exactly the same random numbers after them.
    assert afterwards(said) == afterwards(text_of(whole.cells[-1]))

    source.write_text(LESSON.replace("num_steps=20", "num_steps=30"), encoding="utf-8")
    with pytest.raises(ExecutionError, match=STALE):
        fast(source, tmp_path)
    assert [path.read_bytes() for path in files] == before


def test_a_recipe_is_shipped_whole_and_its_row_names_it(tmp_path):
    def squared(model, batch):
        return (model(batch[0]) - 3).square().mean()

    x = torch.linspace(-1, 1, 64)[:, None]
    recipe = recipes.Recipe(
        name="tiny",
        model=lambda: torch.nn.Linear(1, 1),
        batches=lambda: data.Batches(x, batch_size=8),
        loss=squared,
        optimizer=training.adamw,
        num_steps=5,
    )
    ship_checkpoints.ship_recipe(recipe, tmp_path)
    tensors, description = load_checkpoint(tmp_path / ship_checkpoints.FOLDER / "tiny.safetensors")
    assert tensors["model.weight"].dtype == torch.float16
    assert tensors["loss"].tolist() == recipe.train()[1].loss
    assert description["config"]["num_steps"] == 5
    assert not list(tmp_path.glob(".course/recipes/*"))
    (tmp_path / "lessons").mkdir()
    (tmp_path / "lessons" / "01_first.py").touch()
    assert "[tiny](../recipes/tiny.py) | `Linear`, 2 weights" in ship_checkpoints.readme(tmp_path)


def test_another_first_loss_and_a_missing_or_spare_file_are_noticed():
    same, other = ["01_a_fast.safetensors", 2.0, 2.0 + 1e-6], ["01_a_fast.safetensors", 2.0, 2.01]
    a, b = Path("01_a.safetensors"), Path("01_b.safetensors")
    assert stale([same], [a]) == []
    assert stale([other], [a]) == [other[0]]
    assert stale([same], []) == [a.name]
    assert stale([same], [a, b]) == [b.name]


def test_the_maker_leaves_alone_what_came_out_the_same(tmp_path):
    path, seconds = tmp_path / "01_a.safetensors", iter(range(9))

    def replaced(number: float, config: int) -> bool:
        before = path.read_bytes() if path.exists() else b""
        tensors = {"model.a": torch.full((2,), number), "loss": torch.full((2,), 1 / 3)}
        description = {"config": config, "seconds": next(seconds)}
        ship_checkpoints._replace(path, tensors, description)
        return path.read_bytes() != before

    assert [replaced(1.0, 1), replaced(1.0, 1)] == [True, False]
    assert [replaced(2.0, 1), replaced(2.0, 2), replaced(2.0, 2)] == [True, True, False]
    tensors, _ = load_checkpoint(path)
    assert (tensors["model.a"].dtype, tensors["loss"].dtype) == (torch.float16, torch.float32)
    path.write_bytes(b"damaged")
    assert replaced(2.0, 2)


@pytest.mark.parametrize(
    ("printed", "says"),
    [
        ("FAILS | it learns", "a claim fails"),
        ("Loaded the trained weights of 02_a.safetensors (9 steps).", "two trainings share"),
    ],
)
def test_the_maker_refuses_what_is_not_sound(printed, says):
    cells = [new_code_cell("1"), new_code_cell("2", outputs=[new_output("stream", text=printed)])]
    with pytest.raises(ExecutionError, match=f"02_x.py, cell 2 .*{says}"):
        ship_checkpoints._require_sound(new_notebook(cells=cells), "lessons/02_x.py")


def test_the_maker_names_a_lesson_that_does_not_exist(capsys):
    assert ship_checkpoints.main(["--only", "77"]) == 1
    assert "there is no lesson '77'" in capsys.readouterr().err


def test_the_maker_asks_for_a_lesson_before_it_trains_a_recipe(capsys, monkeypatch):
    monkeypatch.setattr(ship_checkpoints, "ship_recipe", lambda *_: pytest.fail("it trained"))
    assert ship_checkpoints.main(["--only", "digits", "77"]) == 1
    assert "there is no lesson '77'" in capsys.readouterr().err
