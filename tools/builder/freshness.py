"""Tells whether a notebook's outputs belong to its code, so that only what changed runs again.

A notebook remembers the `course_utils` modules that it imported and a hash over its code cells and
those modules. Comments, docstrings and layout of a module are not part of the hash: a better
sentence in a docstring executes nothing. The same source has the same hash on every Python version.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from builder import store
from builder.cell import LessonError, read_source

PACKAGE = "course_utils"


def fingerprint(notebook: NotebookNode, modules: Iterable[str], root: Path) -> str:
    """Hashes the code cells of a notebook and the named modules under `root`."""
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    used = {name: _module_hash(root, name) for name in sorted(modules)}
    return _hash([code, used])


def is_fresh(new: NotebookNode, old: NotebookNode | None, root: Path) -> bool:
    """Whether the outputs in `old` are the builder's own, and what `new` would print."""
    course = old.metadata.get("course", {}) if old is not None else {}
    if old is None or "executed" not in course or not store.as_built(old):
        return False
    return course["executed"] == fingerprint(new, course.get("modules", []), root)


def carry_over(new: NotebookNode, old: NotebookNode) -> None:
    """Copies outputs, counts and the fingerprint from `old`, whose code cells are the same."""
    sources = [cell for cell in old.cells if cell.cell_type == "code"]
    targets = [cell for cell in new.cells if cell.cell_type == "code"]
    for target, source in zip(targets, sources, strict=True):
        target.outputs, target.execution_count = source.outputs, source.execution_count
    new.metadata.course.update(
        executed=old.metadata.course.executed, modules=old.metadata.course.modules
    )


def _module_hash(root: Path, name: str) -> str:
    path = root.joinpath(*name.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return _hash(_shape(_tree(file)))
    return "missing"


def _tree(file: Path) -> ast.Module:
    """The syntax tree of a module.

    Raises:
        LessonError: It cannot be read as Python.
    """
    try:
        return ast.parse(read_source(file))
    except SyntaxError as error:
        raise LessonError(file, error.lineno or 1, f"is not Python: {error.msg}") from error


def _shape(node: Any) -> Any:
    """The syntax tree as plain lists, without docstrings and without what is empty.

    `ast.dump` would do, but it prints the same tree differently from one Python to the next.
    """
    if isinstance(node, list):
        return [_shape(item) for item in node if not _is_docstring(item)]
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = [
        [name, _shape(value)] for name, value in ast.iter_fields(node) if value not in (None, [])
    ]
    return [type(node).__name__, fields]


def _is_docstring(node: Any) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
