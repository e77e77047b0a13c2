"""The glossary: every bold term of the lessons, and what the lesson says where it first stands."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from builder.lesson import find_lessons, read_lesson
from tables.page import anchor, plain

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE, TERMS = "docs/glossary.md", "docs/terms.toml"
BOLD = re.compile(r"\*\*([^*\n]+)\*\*")
LONGEST = 4  # words; longer ones are sentences in bold
# Ends a sentence of prose: not after a number, an initial or an abbreviation.
END = re.compile(r"(?<=[a-z)*`$][.!?:])\s+(?=[A-Z*`$])")


@dataclass(frozen=True)
class Term:
    """A bold term, where a lesson has it."""

    name: str
    lesson: str  # "03_sampling"
    heading: str  # of the section it stands in
    sentence: str  # that it stands in


@dataclass(frozen=True)
class Choices:
    """What is decided by hand, in docs/terms.toml."""

    emphasis: frozenset[str]  # bold words that are no terms
    means: dict[str, str]  # term -> what it means, where its sentence alone does not say it
    same: dict[str, str]  # form -> the term that it is a form of


def read(root: Path) -> Choices:
    """What was decided by hand."""
    found = tomllib.loads((root / TERMS).read_text(encoding="utf-8"))
    return Choices(frozenset(found["emphasis"]), found["means"], found["same"])


def bold(root: Path) -> Iterator[Term]:
    """Everything in bold, in the order of the course; heads, maps and labels are none of it."""
    for path in find_lessons(root):
        lesson, heading = read_lesson(path), ""
        for cell in lesson.cells[1:]:
            if cell.kind != "markdown":
                continue
            for block in re.split(r"\n\s*\n|\n(?=[-*] |\||#|\d+\. )", cell.source):
                if block.startswith("#"):
                    heading = block.partition("\n")[0].lstrip("# ")
                if not block.startswith(("|", "#")):
                    yield from _of_block(block, path.stem, heading)


def _of_block(block: str, lesson: str, heading: str) -> Iterator[Term]:
    text = " ".join(block.split())
    for sentence in END.split(re.sub(r"^[-*] ", "", text)):
        for name in BOLD.findall(sentence):
            name = name.strip(' ,"')
            if name[-1:] not in ".:?!" and len(name.split()) <= LONGEST:
                yield Term(name, lesson, heading, sentence)


def terms(root: Path) -> dict[str, list[Term]]:
    """Term -> all places where it is bold, the first one first; sorted by the alphabet."""
    choices, found = read(root), dict[str, list[Term]]()
    for term in bold(root):
        name = _key(term.name, choices)
        if not {name, f"{term.lesson[:2]}: {name}"} & choices.emphasis:
            found.setdefault(name, []).append(term)
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def _key(name: str, choices: Choices) -> str:
    """One form for all: *Tokens* and *token* are one term."""
    small = name if re.search(r"[A-Z].*[A-Z]|\d", name) else name[0].lower() + name[1:]
    return choices.same.get(small, small)


def problems(root: Path) -> list[str]:
    """What was decided by hand and is no longer needed."""
    choices = read(root)
    names = {_key(term.name, choices) for term in bold(root)}
    forms = {_key(term.name, Choices(frozenset(), {}, {})) for term in bold(root)}
    placed = {f"{term.lesson[:2]}: {_key(term.name, choices)}" for term in bold(root)}
    left = [f"emphasis: {name!r}" for name in choices.emphasis - names - placed]
    left += [f"means: {name!r}" for name in set(choices.means) - names]
    left += [f"same: {name!r}" for name in set(choices.same) - forms]
    return [f"{line} is bold in no lesson ({TERMS})" for line in sorted(left)]


HEAD = """\
# Glossary

Every term that a lesson sets in bold, with what it means there. The link leads to the section in
which it first stands. Built from the lessons and from [terms.toml](terms.toml) by `make docs`. See
also [notation](notation.md), for the names in code, and the [papers](papers.md).

| term | means | first in | also in |
|---|---|---|---|
"""


def page(root: Path) -> str:
    """The whole glossary.

    Raises:
        ValueError: something was decided by hand of a term that is no longer there.
    """
    if left := problems(root):
        raise ValueError("\n".join(left))
    choices = read(root)
    rows = []
    for name, places in terms(root).items():
        first, *others = places
        meaning = choices.means.get(name) or plain(first.sentence)
        target = f"../notebooks/{first.lesson}.ipynb#{anchor(first.heading)}"
        link = f"[{first.lesson[:2]} · {first.heading}]({target})"
        also = ", ".join(dict.fromkeys(p.lesson[:2] for p in others if p.lesson != first.lesson))
        rows.append(f"| **{name}** | {meaning} | {link} | {also} |\n")
    return HEAD + "".join(rows)


def tables(root: Path) -> dict[str, str]:
    """File -> what it should hold."""
    return {FILE: page(root)}
