"""Reads, writes and compares notebook files, and tells those that somebody changed by hand."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import nbformat
from nbformat import NotebookNode


def read(path: Path) -> NotebookNode | None:
    """The notebook at `path`; None when it is absent or broken, so that it is built anew."""
    try:
        return nbformat.read(path, as_version=4)
    except (OSError, ValueError, nbformat.ValidationError):
        return None


def write(notebook: NotebookNode, path: Path) -> bool:
    """Writes a notebook in one step, so that an interruption leaves the old one whole.

    Returns:
        Whether the file changed.
    """
    nbformat.validate(notebook)
    content = (nbformat.writes(notebook).rstrip("\n") + "\n").encode()
    if path.is_file() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.new")
    draft.write_bytes(content)
    os.replace(draft, path)
    return True


def seal(notebook: NotebookNode) -> None:
    """Notes in the notebook what its cells and outputs are, so that a later change shows."""
    notebook.metadata.course.sealed = _hash(notebook)


def as_built(notebook: NotebookNode) -> bool:
    """Whether the cells and outputs of a notebook are those that the builder wrote."""
    return notebook.metadata.get("course", {}).get("sealed") == _hash(notebook)


def _hash(notebook: NotebookNode) -> str:
    return hashlib.sha256(json.dumps(notebook.cells, sort_keys=True).encode()).hexdigest()[:16]


def changed_here(path: Path) -> bool:
    """Whether a file was changed since it was last committed; no, where git cannot tell."""
    command = ["git", "diff", "--quiet", "HEAD", "--", path.name]
    try:
        return subprocess.run(command, cwd=path.parent, capture_output=True).returncode == 1
    except OSError:
        return False


def keep(path: Path, folder: Path) -> Path:
    """Copies a file to a new name in a folder, overwriting nothing; returns the copy."""
    folder.mkdir(parents=True, exist_ok=True)
    number = 1
    while (copy := folder / f"{path.stem}.replaced{number}{path.suffix}").exists():
        number += 1
    shutil.copy2(path, copy)
    return copy


def difference(new: NotebookNode, old: NotebookNode | None) -> str:
    """Says in a few words where `old` departs from `new`, outputs aside; "" when it does not."""
    if old is None:
        return "is missing or cannot be read"
    for index, (wanted, found) in enumerate(zip(new.cells, old.cells, strict=False), 1):
        for part in ("cell_type", "source", "metadata", "id"):
            if wanted.get(part) != found.get(part):
                return f"differs in the {part} of cell {index}"
    if len(new.cells) != len(old.cells):
        return f"has {len(old.cells)} cells instead of {len(new.cells)}"
    return ""
