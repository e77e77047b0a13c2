"""Every link inside the repository leads somewhere: in notebooks, Markdown files and lessons."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest

from build_notebooks import to_test

ROOT = Path(__file__).resolve().parents[1]
INLINE = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
HTML = re.compile(r"""(?:src|href)=["']([^"']+)["']""")
EXTERNAL = re.compile(r"[a-z][a-z0-9+.-]*:", re.I)
CODE = re.compile(r"^(```|~~~).*?^\1[^\n]*$|`[^`\n]*`", re.M | re.S)


def documents() -> list[Path]:
    """Markdown files outside of hidden folders such as .venv, and the notebooks of the lessons.

    A notebook of a learner's own, and one that somebody works in, is theirs.
    """
    pages = [path for path in ROOT.rglob("*.md") if not _is_hidden(path.relative_to(ROOT))]
    return sorted([*pages, *to_test(ROOT)[0]])


def _is_hidden(path: Path) -> bool:
    return path.parts[0] == "work" or any(
        part.startswith(".") and part != ".github" for part in path.parts
    )


def text_of(path: Path) -> str:
    """The Markdown of a file; of a notebook, that of its text cells."""
    if path.suffix != ".ipynb":
        return path.read_text(encoding="utf-8")
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def links(markdown: str) -> Iterator[str]:
    """The addresses of all links and pictures outside of code."""
    prose = CODE.sub("", markdown)
    yield from INLINE.findall(prose)
    yield from HTML.findall(prose)


def anchors(markdown: str) -> set[str]:
    """The names of all headings, made as GitHub makes them, and of HTML anchors."""
    names = set(re.findall(r"""(?:id|name)=["']([^"']+)["']""", markdown))
    fenced = re.compile(r"^(```|~~~).*?^\1[^\n]*$", re.M | re.S)
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", fenced.sub("", markdown), re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        name = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        copies = sum(known == name or known.startswith(f"{name}~") for known in names)
        names.add(f"{name}~{copies}" if copies else name)
    return {name.replace("~", "-") for name in names}


def problem(document: Path, link: str) -> str:
    """What is wrong with a link from `document`; "" when it leads somewhere or to the web."""
    if EXTERNAL.match(link) or link.startswith("//"):
        return ""
    file, _, anchor = unquote(link).partition("#")
    target = (document.parent / file).resolve() if file else document
    if file.startswith("/") or not target.is_relative_to(ROOT):
        return f"{link} leaves the repository"
    if not target.exists():
        return f"{link} leads to {target.relative_to(ROOT).as_posix()}, which does not exist"
    # JupyterLab keeps capitals in the names of headings: a notebook may use either form.
    wanted = anchor.lower() if document.suffix == ".ipynb" else anchor
    if anchor and target.suffix in (".md", ".ipynb") and wanted not in anchors(text_of(target)):
        return f"{link}: {target.name} has no heading #{anchor}"
    return ""


def test_there_are_documents():
    assert {path.name for path in documents()} >= {"README.md", "LICENSE-prose.md"}


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_resolve(path):
    problems = [problem(path, link) for link in links(text_of(path))]
    assert not any(problems), "\n".join(filter(None, problems))


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("LICENSE", ""),
        ("https://example.org/no", ""),
        ("missing.md", "which does not exist"),
        ("LICENSE-prose.md#licence-of-the-prose-and-figures", ""),
        ("LICENSE-prose.md#elsewhere", "has no heading #elsewhere"),
        ("../elsewhere.md", "leaves the repository"),
    ],
)
def test_the_test_sees_broken_links(link, expected):
    found = problem(ROOT / "README.md", link)
    assert expected in found
    assert bool(found) == bool(expected)


def test_links_in_code_are_no_links():
    text = "[a](b.md) `[c](d.md)`\n```\n[e](f.md)\n```\n<img src='g.png'> ![h](<i j.png>)"
    assert sorted(links(text)) == ["b.md", "g.png"]


def test_anchors_are_those_of_github():
    text = "# The two commands\n## A `code`, and *more*!\n# [Link](x.md)\n# Link\n```\n# no\n```\n"
    assert anchors(text) == {"the-two-commands", "a-code-and-more", "link", "link-1"}
