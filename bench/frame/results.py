"""Keeps results.json: the numbers of one machine, section by section."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from frame.machine import machine


def merged(
    old: dict[str, Any], section: str, found: dict[str, Any], order: Sequence[str]
) -> dict[str, Any]:
    """The results with those of one section put in the place of its earlier ones.

    Args:
        old: earlier results, or nothing.
        section: its name.
        found: its "goals" and "details".
        order: of all sections.
    """
    goals = [goal.row() | {"section": section} for goal in found["goals"]]
    kept = [goal for goal in old.get("goals", []) if goal["section"] != section]
    details = {**old.get("details", {}), section: found["details"]}
    return {
        "machine": machine(),
        "goals": sorted(kept + goals, key=lambda goal: order.index(goal["section"])),
        "details": {name: details[name] for name in sorted(details, key=order.index)},
    }


def read(path: Path) -> dict[str, Any]:
    """Earlier results of this machine; nothing when there are none, or they are of another one."""
    if not path.exists():
        return {}
    old: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if old["machine"] == machine():
        return old
    print(f"({path.name} is of another machine or other versions: begun anew)", end=" ")
    return {}


def write(results: dict[str, Any], path: Path) -> None:
    """Put the results into their file."""
    replace(path, (json.dumps(results, indent=1) + "\n").encode())


def replace(path: Path, content: bytes) -> None:
    """Write a file, so that a stop in the middle leaves the old one whole."""
    draft = path.with_name(f"{path.name}.new")
    draft.write_bytes(content)
    os.replace(draft, path)
