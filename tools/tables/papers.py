"""The papers: what each lesson cites at its end, and which modules name the same paper."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from builder.lesson import find_lessons, read_lesson

FILE = "docs/papers.md"
ARXIV = re.compile(r"arXiv:(\d{4}\.\d{4,5}|[a-z-]+/\d{7})")
# "Ho & Salimans 2022," and "He et al. 2025,": where a paper begins in a line.
NAME = r"[A-Z][\w'-]+"
BEGIN = re.compile(rf"\b({NAME}(?:(?:, | & | and ){NAME})*(?: et al\.)?) ((?:1[89]|20)\d\d)[a-z]?,")
TITLE = re.compile(r"\*([^*]+)\*")

# Of papers that a lesson names by their authors alone.
TITLES = {
    "2206.04119": "Diffusion probabilistic modeling of protein backbones in 3D for the "
    "motif-scaffolding problem",
    "2302.01318": "Accelerating large language model decoding with speculative sampling",
    "2410.11081": "Simplifying, stabilizing and scaling continuous-time consistency models",
}
NUMBER = re.compile(r"\b\d{4}\.\d{5}\b")
NAMED = re.compile(rf"({NAME}(?:(?:, | & | and ){NAME})*(?: et al\.)?) ((?:19|20)\d\d)")
HEAD = """\
# Papers

What the lessons cite, in the order of their years, and the modules that name the same. Built from
the lists at the end of the lessons and from the docstrings by `make docs`. See also the
[glossary](glossary.md).

| paper | arXiv | lessons | code |
|---|---|---|---|
"""
MORE = """
## Named in the code alone

| paper | arXiv | code |
|---|---|---|
"""


@dataclass(frozen=True)
class Paper:
    """A paper as a lesson cites it."""

    authors: str
    year: str
    title: str  # "" where the lesson gives none
    where: str  # "2006.11239", or "" for what is not on arXiv
    lesson: str


def cited(root: Path) -> Iterator[Paper]:
    """The papers at the end of each lesson.

    Raises:
        ValueError: A lesson has no such list, or an arXiv number without authors and year.
    """
    for path in find_lessons(root):
        text = "\n".join(c.source for c in read_lesson(path).cells if c.kind == "markdown")
        _, found, listed = text.rpartition("## Papers\n")
        if not found:
            raise ValueError(f"{path.name} must end with ## Papers: one line a paper.")
        for item in re.split(r"^- ", listed, flags=re.M)[1:]:
            yield from _of_item(" ".join(item.split()), path.stem)


def _of_item(item: str, lesson: str) -> Iterator[Paper]:
    """The papers of one line: each begins with authors and a year."""
    begins = list(BEGIN.finditer(item))
    if not begins and ARXIV.search(item):
        raise ValueError(f"{lesson}: {item!r} must say authors and year before the title.")
    ends = [*(match.start() for match in begins), len(item)][1:]
    for begin, end in zip(begins, ends, strict=True):
        part = item[begin.end() : end]
        numbers, titles = ARXIV.findall(part), TITLE.findall(part)
        for k in range(max(1, len(numbers))):
            title = titles[k] if k < len(titles) else ""
            yield Paper(begin[1], begin[2], title, numbers[k] if numbers else "", lesson)


def in_code(root: Path) -> dict[str, tuple[str, list[str]]]:
    """Number at arXiv -> who wrote it, as the code says, and the modules that name it."""
    found: dict[str, tuple[str, list[str]]] = {}
    for path in sorted((root / "course_utils").rglob("*.py")):
        text = " ".join(path.read_text(encoding="utf-8").split())
        for match in NUMBER.finditer(text):
            before = NAMED.findall(text[max(0, match.start() - 200) : match.start()])
            who = " ".join(before[-1]) if before else ""
            modules = found.setdefault(match[0], (who, []))[1]
            name = path.relative_to(root).as_posix()
            if name not in modules:
                modules.append(name)
    return found


def merged(root: Path) -> list[list[Paper]]:
    """One list a paper, with what each lesson says of it, sorted by year and authors."""
    same: dict[tuple[str, ...], list[Paper]] = {}
    for paper in cited(root):
        key = (paper.where,) if paper.where else (paper.authors, paper.year, paper.title)
        same.setdefault(key, []).append(paper)
    return sorted(same.values(), key=lambda papers: (papers[0].year, papers[0].authors))


def page(root: Path) -> str:
    """The whole page."""
    code, rows = in_code(root), []
    for papers in merged(root):
        first = papers[0]
        title = next((p.title for p in papers if p.title), TITLES.get(first.where, ""))
        said = f"{first.authors} {first.year}" + (f", *{title}*" if title else "")
        lessons = dict.fromkeys(paper.lesson for paper in papers)
        links = ", ".join(f"[{name[:2]}](../notebooks/{name}.ipynb#papers)" for name in lessons)
        _, modules = code.pop(first.where, ("", []))
        rows.append(f"| {said} | {_arxiv(first.where)} | {links} | {_modules(modules)} |\n")
    rows.append(MORE)
    for number, (who, modules) in sorted(code.items()):
        rows.append(f"| {who} | {_arxiv(number)} | {_modules(modules)} |\n")
    return HEAD + "".join(rows)


def _arxiv(number: str) -> str:
    return f"[{number}](https://arxiv.org/abs/{number})" if number else ""


def _modules(names: list[str]) -> str:
    return ", ".join(f"[{Path(name).parent.name}/{Path(name).stem}](../{name})" for name in names)


def tables(root: Path) -> dict[str, str]:
    """File -> what it should hold."""
    return {FILE: page(root)}
