"""The address of the course, from `[project.urls]` in pyproject.toml, and what follows from it.

While none is set there is no badge, no line for Colab and no link that leads nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

PATTERN = re.compile(r"https://github\.com/[\w.-]+/[\w.-]+")
FIRST = "notebooks/00_start_here.ipynb"
BLOCK = re.compile(r"(<!-- address -->\n).*?(<!-- end -->)", re.S)
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


def applied(root: Path, texts: Mapping[str, str]) -> dict[str, str]:
    """README and CITATION with what follows from the address.

    Args:
        root: the repository.
        texts: what other tables have just made of these files; else they are read.
    """
    address = find(root)

    def text(file: str) -> str:
        return texts.get(file) or (root / file).read_text(encoding="utf-8")

    lines = ""
    if address:
        lines = (
            f"Or open a lesson from the web, {badge(address, FIRST)}, and run this line before its "
            f"first cell:\n\n```\n%pip install -q --no-deps git+{address}\n```\n"
        )
    citation = re.sub(r"^repository-code: .*\n", "", text("CITATION.cff"), flags=re.M)
    if address:
        citation = citation.rstrip("\n") + f'\nrepository-code: "{address}"\n'
    readme = BLOCK.sub(lambda match: f"{match[1]}{lines}{match[2]}", text("README.md"))
    return {"README.md": readme, "CITATION.cff": citation}
