"""Builds notebooks/ and notebooks/answers/ from lessons/.

    python tools/build_notebooks.py                  every lesson whose code changed
    python tools/build_notebooks.py --only 02 06     these lessons
    python tools/build_notebooks.py --force          executes again what did not change
    python tools/build_notebooks.py --check          only tells what is out of date; exit code 1

A notebook whose code cells and `course_utils` modules did not change keeps its outputs.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from nbformat import NotebookNode

from builder import freshness, store
from builder.cell import LessonError
from builder.contents import answer_notebook, student_notebook
from builder.execute import ExecutionError, execute, text_of
from builder.lesson import Lesson, find_lessons, read_lesson

ROOT = Path(__file__).resolve().parents[1]


def built(lesson: Lesson, root: Path) -> Iterator[tuple[Path, NotebookNode]]:
    """The two notebooks of a lesson, without outputs, and where they are saved."""
    folder = root / "notebooks"
    yield folder / f"{lesson.name}.ipynb", student_notebook(lesson)
    yield folder / "answers" / f"{lesson.name}.ipynb", answer_notebook(lesson)


def build(lesson: Lesson, root: Path, *, force: bool = False) -> None:
    """Writes both notebooks of a lesson, executing those whose code changed.

    Raises:
        ExecutionError: A cell failed or a solution does not pass its check; the old file is kept.
    """
    for path, notebook in built(lesson, root):
        name = path.relative_to(root).as_posix()
        old = store.read(path)
        if path.is_file() and (old is None or not store.as_built(old)):
            copy = store.keep(path, root / "work")
            print(
                f"{name} was run or edited by hand: it is built anew, and what was in it is kept "
                f"as {copy.relative_to(root).as_posix()}"
            )
        if old is not None and not force and freshness.is_fresh(notebook, old, root):
            freshness.carry_over(notebook, old)
            store.seal(notebook)
            changed = store.write(notebook, path)
            print(f"{name}: {'text changed, outputs kept' if changed else 'up to date'}")
            continue
        print(f"{name}: executing ...", end=" ", flush=True)
        start = time.perf_counter()
        _run(notebook, name, path.parent, root)
        store.seal(notebook)
        store.write(notebook, path)
        size = path.stat().st_size / 1000
        print(f"{time.perf_counter() - start:.0f} s, {size:.0f} KB", flush=True)


def _run(notebook: NotebookNode, name: str, folder: Path, root: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # Training must start from scratch: a resumed run would show an older version's results.
    shutil.rmtree(root / ".course" / "build" / "checkpoints", ignore_errors=True)
    modules = execute(notebook, name, folder, root)
    notebook.metadata.course.update(
        modules=modules, executed=freshness.fingerprint(notebook, modules, root)
    )
    if folder.name == "answers":
        _require_passes(notebook, name)


def _require_passes(notebook: NotebookNode, name: str) -> None:
    """A check under a solution says "passed", or the solution or its check is wrong."""
    for index, cell in enumerate(notebook.cells):
        if "check" in cell.metadata.get("tags", []) and "passed" not in text_of(cell).lower():
            raise ExecutionError(
                name, index, cell, f"the solution does not pass its check: {text_of(cell).strip()}"
            )


def check(lessons: Sequence[Lesson], root: Path) -> list[str]:
    """Lists the notebooks whose cells are not what their lesson builds, and those without one."""
    problems = []
    for lesson in lessons:
        for path, notebook in built(lesson, root):
            name, old = path.relative_to(root).as_posix(), store.read(path)
            difference = store.difference(notebook, old)
            remedy = f"run `make lessons ONLY={lesson.number}`"
            if old is not None and not difference and not store.as_built(old):
                difference = "was run or edited by hand"
            if difference:
                problems.append(f"{name} {difference}: {remedy}")
            elif not freshness.is_fresh(notebook, old, root):
                print(f"note: {name} shows outputs of older code; `make lessons` renews them")
    return problems


def orphans(root: Path) -> list[str]:
    """Lists the notebooks that were built and that no lesson builds any more.

    A notebook of a learner's own is none of them.
    """
    names = {path.stem for path in find_lessons(root)}
    others = [
        path
        for path in sorted((root / "notebooks").rglob("*.ipynb"))
        if path.stem not in names and ".ipynb_checkpoints" not in path.parts
    ]
    return [
        f"{path.relative_to(root).as_posix()} has no lesson: delete it, or restore its source"
        for path in others
        if (notebook := store.read(path)) is not None and "course" in notebook.metadata
    ]


def in_use(path: Path) -> bool:
    """Whether somebody runs or edits a built notebook here, who does not want it tested.

    One that was changed by hand and committed so is no such case.
    """
    notebook = store.read(path)
    return (notebook is None or not store.as_built(notebook)) and store.changed_here(path)


def to_test(root: Path) -> tuple[list[Path], list[Path]]:
    """The built notebooks of all lessons: those to test, and those that somebody works in."""
    paths = [
        folder / f"{lesson.stem}.ipynb"
        for folder in (root / "notebooks", root / "notebooks" / "answers")
        for lesson in find_lessons(root)
    ]
    return [p for p in paths if not in_use(p)], [p for p in paths if in_use(p)]


def select(paths: Sequence[Path], only: Sequence[str]) -> list[Path]:
    """Picks lessons by number ("02") or by name.

    Raises:
        ValueError: A pattern matches no lesson; the message lists them.
    """
    chosen = set()
    for wanted in only:
        stem = Path(wanted).stem
        found = {p for p in paths if stem in (p.stem, p.stem[:2]) or stem.zfill(2) == p.stem[:2]}
        if not found:
            listed = "\n  ".join(path.stem for path in paths)
            raise ValueError(f"there is no lesson {wanted!r}. The lessons are:\n  {listed}")
        chosen |= found
    return [path for path in paths if not only or path in chosen]


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(description="Build the notebooks from lessons/.")
    parser.add_argument("--only", nargs="+", default=[], metavar="NN", help="lessons to build")
    parser.add_argument("--force", action="store_true", help="execute what did not change too")
    parser.add_argument("--check", action="store_true", help="change nothing, tell what is stale")
    options = parser.parse_args(arguments)
    try:
        paths = select(find_lessons(root), options.only)
        lessons = [read_lesson(path) for path in paths]
        problems = orphans(root) if not options.only else []
        if options.check:
            problems += check(lessons, root)
        else:
            for lesson in lessons:
                build(lesson, root, force=options.force)
    except (LessonError, ExecutionError, ValueError, FileNotFoundError) as error:
        print(f"\nerror: {error}", file=sys.stderr)
        return 1
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
