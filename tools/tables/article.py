"""The table of docs/article.md: each sentence of the article, its verdict and its numbers."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_map import Head, heads, with_table
from tables.claims import Measured, of_lessons
from tables.page import cell

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ARTICLE, VERDICTS = "docs/article.md", "docs/verdicts.toml"
FIRST = "| the article says | verdict | measured | lesson |"
KINDS = ("holds", "holds if", "does not hold")
FIELDS = {"says", "verdict", "because", "measured", "waits_for", "untested"}
# A full stop, or the like, before a new sentence.
END = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")


@dataclass(frozen=True)
class Verdict:
    """What became of a sentence."""

    says: str
    verdict: str = ""
    because: str = ""
    measured: tuple[tuple[str, str, str], ...] = ()  # (lesson, text of a claim, how it is said)
    waits_for: tuple[str, ...] = ()
    untested: str = ""


def sentences(article: str) -> list[str]:
    """The sentences of the article, below the line, in order and without marks.

    Headings are no sentences. Bold words at the head of a line belong to its first sentence.
    """
    found = []
    for block in re.split(r"\n\s*\n", article.partition("\n---\n")[2]):
        if block.strip().startswith("#"):
            continue
        for item in re.split(r"^(?:\*|\d+\.) +", block, flags=re.M):
            plain = " ".join(item.replace("**", "").split())
            found += [sentence for sentence in END.split(plain) if sentence]
    return found


def read(root: Path) -> list[Verdict]:
    """The verdicts, as they were written by hand.

    Raises:
        ValueError: A field is unknown, or a sentence has no verdict and no reason for that.
    """
    text = (root / VERDICTS).read_text(encoding="utf-8")
    return [_verdict(entry) for entry in tomllib.loads(text)["sentence"]]


def _verdict(entry: Mapping[str, Any]) -> Verdict:
    says = entry.get("says", "?")
    if unknown := set(entry) - FIELDS:
        raise ValueError(f"{VERDICTS}: {sorted(unknown)} of {says!r}; known: {sorted(FIELDS)}.")
    if "verdict" in entry and entry["verdict"] not in KINDS:
        raise ValueError(f"{VERDICTS}: the verdict on {says!r} must be one of {', '.join(KINDS)}.")
    if entry.get("verdict", "holds") != "holds" and not entry.get("because"):
        raise ValueError(f"{VERDICTS}: {says!r} needs `because`: what must be so, or why not.")
    if bool(entry.get("measured")) != ("verdict" in entry):
        raise ValueError(f"{VERDICTS}: {says!r} needs both or none of `verdict` and `measured`.")
    if not any(entry.get(name) for name in ("verdict", "waits_for", "untested")):
        raise ValueError(f"{VERDICTS}: {says!r} needs a verdict, or why it has none.")
    return Verdict(
        says=says,
        verdict=entry.get("verdict", ""),
        because=entry.get("because", ""),
        measured=tuple(_claim(claim) for claim in entry.get("measured", ())),
        waits_for=tuple(entry.get("waits_for", ())),
        untested=entry.get("untested", ""),
    )


def _claim(entry: str) -> tuple[str, str, str]:
    """Lesson, text and words of `NN: text -> words`, or of `NN: text`."""
    lesson, _, text = entry.partition(": ")
    text, _, words = text.partition(" -> ")
    return lesson, text, words or text


def problems(root: Path) -> list[str]:
    """What the verdicts miss: sentences, claims, and lessons that have come since."""
    wanted = sentences((root / ARTICLE).read_text(encoding="utf-8"))
    verdicts, claims = read(root), of_lessons(root)
    said = [verdict.says for verdict in verdicts]
    found = [f"no verdict on {text!r}" for text in wanted if text not in said]
    found += [f"the article does not say {text!r}" for text in said if text not in wanted]
    found += [f"two verdicts on {text!r}" for text in set(said) if said.count(text) > 1]
    for verdict in verdicts:
        for lesson, text, _ in verdict.measured:
            if text not in [claim.text for claim in claims.get(lesson, [])]:
                found.append(f"lesson {lesson} has no claim {text!r}")
        for lesson in set(verdict.waits_for) & set(claims):
            found.append(f"lesson {lesson} is there: give its claims on {verdict.says!r}")
    return [f"{problem} ({VERDICTS})" for problem in found]


def rows(root: Path) -> list[str]:
    """The table, below its first line.

    Raises:
        ValueError: The verdicts miss a sentence, a claim or a lesson.
    """
    if missing := problems(root):
        raise ValueError("\n".join(missing))
    known = {verdict.says: verdict for verdict in read(root)}
    claims, lessons = of_lessons(root), {head.number: head for head in heads(root)}
    table = ["|---|---|---|---|"]
    for text in sentences((root / ARTICLE).read_text(encoding="utf-8")):
        verdict = known[text]
        if not verdict.untested:
            table.append(_row(verdict, claims, lessons))
    return table


def _row(
    verdict: Verdict, claims: Mapping[str, list[Measured]], lessons: Mapping[str, Head]
) -> str:
    numbers = []
    for lesson, text, words in verdict.measured:
        (claim,) = [claim for claim in claims[lesson] if claim.text == text]
        numbers.append(f"{cell(words)}: **{claim.number}** ({lesson})")
    said = "not yet measured"
    if verdict.verdict:
        mark = "" if verdict.verdict == "holds if" or not verdict.because else ":"
        said = f"**{verdict.verdict}**{mark} {cell(verdict.because)}".strip()
    cells = f"*{cell(verdict.says)}*", said, "; ".join(numbers), _links(verdict, lessons)
    return f"| {' | '.join(cells)} |"


def _links(verdict: Verdict, lessons: Mapping[str, Head]) -> str:
    """The lessons that measured it, and in words those that will."""
    numbers = dict.fromkeys(lesson for lesson, _, _ in verdict.measured)
    links = [
        f"[{number} · {lessons[number].title}](../notebooks/{lessons[number].name}.ipynb)"
        for number in numbers
    ]
    return ", ".join([*links, *(f"{number} will come" for number in verdict.waits_for)])


def counted(root: Path) -> Iterator[str]:
    """How many sentences have which verdict, in words."""
    verdicts = read(root)
    plural = {"holds": "hold", "holds if": "hold under a condition", "does not hold": "do not hold"}
    for kind, words in plural.items():
        if number := sum(verdict.verdict == kind for verdict in verdicts):
            yield f"{number} {words}"
    if waiting := sum(not v.verdict and not v.untested for v in verdicts):
        yield f"{waiting} wait for their lesson"
    if untested := sum(bool(verdict.untested) for verdict in verdicts):
        yield f"{untested} say nothing that can be tested"


def tables(root: Path) -> dict[str, str]:
    """File -> what it should hold."""
    text = (root / ARTICLE).read_text(encoding="utf-8")
    count = f"Of its {len(read(root))} sentences {', '.join(counted(root))}."
    text = re.sub(r"^Of its \d+ sentences .*$", lambda _: count, text, flags=re.M)
    return {ARTICLE: with_table(text, FIRST, rows(root))}
