"""Reads, writes and compares notebook files."""

from __future__ import annotations

import os
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
