"""The address of the course, from `[project.urls]` in pyproject.toml, and what follows from it.

While none is set there is no badge, no line for Colab and no link that leads nowhere.
"""

from __future__ import annotations

import re
from pathlib import Path

PATTERN = re.compile(r"https://github\.com/[\w.-]+/[\w.-]+")
BADGE = "https://colab.research.google.com/assets/colab-badge.svg"


class AddressError(ValueError):
    """The address cannot be used; the message says what is expected."""


def find(root: Path) -> str:
    """The address, such as https://github.com/owner/name; "" while none is set.

    Raises:
        AddressError: it is not that of a repository on GitHub, which Colab opens notebooks from.
    """
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    section = re.search(r"^\[project\.urls\]\n(.*?)(?=^\[|\Z)", text, re.M | re.S)
    line = re.search(r'^Repository = "(.*)"', section[1], re.M) if section else None
    address = line[1].strip().rstrip("/").removesuffix(".git") if line else ""
    if address and not PATTERN.fullmatch(address):
        raise AddressError(
            f"Repository in [project.urls] of pyproject.toml must look like "
            f"https://github.com/owner/name, or be left out; got {address!r}."
        )
    return address


def page(address: str, file: str) -> str:
    """Where a file of the repository is shown on the web."""
    return f"{address}/blob/main/{file}"


def badge(address: str, file: str) -> str:
    """The badge that opens a notebook in Colab, as Markdown; "" while there is no address."""
    if not address:
        return ""
    name = address.removeprefix("https://github.com/")
    link = f"https://colab.research.google.com/github/{name}/blob/main/{file}"
    return f"[![Open in Colab]({BADGE})]({link})"
