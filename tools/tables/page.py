"""Small things that all pages need."""

from __future__ import annotations

import re


def cell(text: str) -> str:
    """Text that may stand in a cell of a table."""
    return re.sub(r"(?<!\\)([|<])", r"\\\1", text)


def plain(sentence: str) -> str:
    """A sentence of a lesson for a table: nothing in bold, no links, a capital and a full stop."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", sentence.replace("**", ""))
    text = text.strip().rstrip(":;,").strip()
    return cell(text if text[-1:] in ".!?" else f"{text}.")


def anchor(heading: str) -> str:
    """The name of a heading in a link to a notebook, as GitHub makes it."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
