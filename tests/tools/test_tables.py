"""The tables of docs: no sentence of the article without its verdict."""

from pathlib import Path

import pytest

from tables import article
from tables.claims import Measured

ROOT = Path(article.__file__).resolve().parents[2]
ARTICLE = """\
about the article

---

Two classes exist. They **differ**!

## Heading

**Purpose:**
To draw.

1. **First:** One.
* **Second:** *Two*—three (50-1000 steps).
* Third.
"""


def test_sentences_are_those_below_the_line_without_marks():
    assert article.sentences(ARTICLE) == [
        "Two classes exist.",
        "They differ!",
        "Purpose: To draw.",
        "First: One.",
        "Second: *Two*—three (50-1000 steps).",
        "Third.",
    ]


def test_no_word_of_the_article_is_outside_of_its_sentences():
    body = (ROOT / article.ARTICLE).read_text(encoding="utf-8").partition("\n---\n")[2]
    lines = [line for line in body.splitlines() if not line.startswith("#")]
    words = " ".join(lines).replace("**", "").split()
    marks = {"*", *(f"{number}." for number in range(10))}
    found = article.sentences("\n---\n" + body)
    assert " ".join(found).split() == [word for word in words if word not in marks]


def test_every_sentence_has_its_verdict():
    assert article.problems(ROOT) == []
    for line in article.rows(ROOT)[1:]:
        assert line.count(" | ") == 3


@pytest.fixture
def repository(tmp_path, monkeypatch):
    (tmp_path / "docs").mkdir()
    (tmp_path / article.ARTICLE).write_text("\n---\n\nIt is. It was.\n", encoding="utf-8")
    claims = {"01": [Measured("a is small", "0.1", "< 1", "✓ holds")]}
    monkeypatch.setattr(article, "of_lessons", lambda root: claims)

    def verdicts(*entries):
        text = "\n".join(f"[[sentence]]\n{entry}" for entry in entries)
        (tmp_path / article.VERDICTS).write_text(text, encoding="utf-8")
        return tmp_path

    return verdicts


IS = 'says = "It is."\nverdict = "holds"\nmeasured = ["01: a is small -> it is"]'


def test_a_sentence_without_a_verdict_is_missed(repository):
    assert article.problems(repository(IS, 'says = "It was."\nuntested = "past"')) == []
    (problem,) = article.problems(repository(IS))
    assert "no verdict on 'It was.'" in problem


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ('says = "It will."\nuntested = "future"', "the article does not say 'It will.'"),
        (IS, "two verdicts on 'It is.'"),
        (IS.replace("It is.", "It was.").replace("small", "large"), "no claim 'a is large'"),
        ('says = "It was."\nwaits_for = ["01"]', "lesson 01 is there: give its claims"),
    ],
)
def test_what_does_not_fit_is_told(repository, entry, says):
    root = repository(IS, entry)
    assert any(says in problem for problem in article.problems(root))
    with pytest.raises(ValueError, match="verdicts"):
        article.rows(root)


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ('says = "It was."', "why it has none"),
        ('says = "It was."\nverdict = "maybe"\nmeasured = ["01: a"]', "must be one of holds"),
        ('says = "It was."\nverdict = "holds"', "both or none"),
        ('says = "It was."\nverdict = "holds if"\nmeasured = ["01: a"]', "needs `because`"),
        ('says = "It was."\nuntestd = "typo"', "untestd"),
    ],
)
def test_a_verdict_that_is_none_is_refused(repository, entry, says):
    with pytest.raises(ValueError, match=says):
        article.read(repository(entry))
