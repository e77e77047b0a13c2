"""A learner's own copies of the notebooks: made by `make lab` in `work/`, and never overwritten.

What is in `notebooks/` stays as it was built. `work/.given.json` remembers which state of each
notebook was handed out, so that a new state of a lesson is noticed, and comes beside the old one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

GIVEN = ".given.json"


def hand_out(built: Path, work: Path) -> list[str]:
    """Copies each built notebook to `work` where that loses nothing.

    Args:
        built: The folder of the built notebooks, answers in a folder of their own included.
        work: The learner's folder; made when it is missing.

    Returns:
        A line for each lesson that has changed since it was handed out.

    Raises:
        OSError: `work` cannot be written.
    """
    work.mkdir(parents=True, exist_ok=True)
    given = _given(work)
    lines = []

    def untouched(path: Path) -> bool:
        """Whether nothing is lost with the file: it is as it was handed out, or not there."""
        name = path.relative_to(work).as_posix()
        return not path.exists() or given.get(name) == _hash(path.read_bytes())

    for source in sorted(built.rglob("[0-9][0-9]_*.ipynb")):
        if ".ipynb_checkpoints" in source.parts:
            continue
        name, content = source.relative_to(built).as_posix(), source.read_bytes()
        own, state = work / name, _hash(content)
        if untouched(own):
            _write(own, content)
        elif state not in (given.get(name), _hash(own.read_bytes())):
            beside = next(filter(untouched, _beside(own)))
            _write(beside, content)
            new = beside.relative_to(work).as_posix()
            given[new] = state
            lines.append(
                f"{name} has changed since you began it. Yours stays as it is; "
                f"the new one is {new}."
            )
        given[name] = state
    _write(work / GIVEN, json.dumps(given, indent=1, sort_keys=True).encode())
    return lines


def _given(work: Path) -> dict[str, str]:
    """The hash of each notebook as it was handed out; nothing when that was not written down."""
    try:
        found = json.loads((work / GIVEN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _beside(own: Path) -> Iterator[Path]:
    """Names for a newer state: 01_x.new.ipynb, then 01_x.new2.ipynb and so on."""
    yield own.with_name(f"{own.stem}.new.ipynb")
    number = 2
    while True:
        yield own.with_name(f"{own.stem}.new{number}.ipynb")
        number += 1


def _write(path: Path, content: bytes) -> None:
    """Writes in one step, so that an interruption leaves no half a notebook."""
    if path.is_file() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.part")
    draft.write_bytes(content)
    os.replace(draft, path)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
