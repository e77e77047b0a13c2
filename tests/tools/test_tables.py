"""The tables of docs: no sentence of the article without its verdict."""

import re
from pathlib import Path

import pytest

from tables import article, glossary, papers
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


LESSON = """\
# %% [markdown]
# # 01 · First
#
# **The question?**

# %% tags=["setup"]
1

# %% [markdown]
# ## A part, with `code`
#
# The sum of all is the **whole**. See [*there*](x.md): a **Part** is less.
#
# - **Guess first:** how many **wholes** are there?
# - **this is a sentence in bold** and **LLMs** are none.

# %% [markdown]
# ## Papers
#
# - Ho & Salimans 2022, *Guidance*, arXiv:2207.12598. Song et al. 2021b, arXiv:2011.13456: *more*.
# - Lu et al. 2022, *Solver*, arXiv:2206.00927, and *Solver++*, arXiv:2211.01095; Kneser and
#   Ney 1995, *Counts*.
"""


@pytest.fixture
def course(tmp_path):
    for folder in ("lessons", "docs", "course_utils"):
        (tmp_path / folder).mkdir()
    (tmp_path / "lessons" / "01_first.py").write_text(LESSON, encoding="utf-8")
    (tmp_path / "course_utils" / "a.py").write_text(
        '"""Source: Song et al. 2021,\narXiv:2011.13456; Ma et al. 2020, arXiv:2001.00001."""\n'
    )

    def terms(text):
        (tmp_path / glossary.TERMS).write_text(text, encoding="utf-8")
        return tmp_path

    return terms


def test_terms_are_what_is_bold_and_no_label(course):
    root = course('emphasis = ["LLMs"]\n[means]\nwhole = "All of it."\n[same]\nwholes = "whole"')
    assert {name: len(places) for name, places in glossary.terms(root).items()} == {
        "part": 1,
        "whole": 2,
    }
    rows = glossary.page(root).splitlines()[-2:]
    link = "[01 · A part, with `code`](../notebooks/01_first.ipynb#a-part-with-code)"
    assert rows == [
        f"| **part** | See *there*: a Part is less. | {link} |  |",
        f"| **whole** | All of it. | {link} |  |",
    ]


@pytest.mark.parametrize("left", ["emphasis", "means", "same"])
def test_a_decision_about_a_term_that_is_gone_is_told(course, left):
    parts = {"emphasis": '"LLMs"', "means": "", "same": 'wholes = "whole"'}
    parts[left] += ', "gone"' if left == "emphasis" else '\ngone = "x"'
    text = "emphasis = [{emphasis}]\n[means]\n{means}\n[same]\n{same}".format(**parts)
    with pytest.raises(ValueError, match=f"{left}: 'gone' is bold in no lesson"):
        glossary.page(course(text))


def test_every_term_of_the_lessons_is_in_the_glossary():
    choices, text = glossary.read(ROOT), (ROOT / glossary.FILE).read_text(encoding="utf-8")
    assert glossary.problems(ROOT) == []
    names = {name.lower() for name in re.findall(r"^\| \*\*(.+?)\*\* \|", text, re.M)}
    names |= {name.lower() for name in choices.same}
    for term in glossary.bold(ROOT):
        name = term.name.lower()
        stress = {name, f"{term.lesson[:2]}: {name}"} & {word.lower() for word in choices.emphasis}
        assert stress or name in names, f"{term.lesson}: {term.name}"


def test_papers_of_a_lesson_are_told_apart(course):
    root = course("")
    assert [(p.authors, p.year, p.title, p.where) for p in papers.cited(root)] == [
        ("Ho & Salimans", "2022", "Guidance", "2207.12598"),
        ("Song et al.", "2021", "more", "2011.13456"),
        ("Lu et al.", "2022", "Solver", "2206.00927"),
        ("Lu et al.", "2022", "Solver++", "2211.01095"),
        ("Kneser and Ney", "1995", "Counts", ""),
    ]
    page = papers.page(root)
    assert "| [2011.13456](https://arxiv.org/abs/2011.13456) | [01]" in page
    assert "[course_utils/a](../course_utils/a.py) |\n| Ho" in page
    assert page.endswith("| Ma et al. 2020 | [2001.00001](https://arxiv.org/abs/2001.00001) "
                         "| [course_utils/a](../course_utils/a.py) |\n")  # fmt: skip


def test_a_paper_without_its_authors_is_told(course):
    root = course("")
    path = root / "lessons" / "01_first.py"
    path.write_text(LESSON.replace("Ho & Salimans 2022, *Gui", "*Gui").replace(" Song", " one"))
    with pytest.raises(ValueError, match="01_first: .*must say authors and year"):
        list(papers.cited(root))
    path.write_text(LESSON.replace("## Papers", "## Books"))
    with pytest.raises(ValueError, match=r"01_first.py must end with ## Papers"):
        list(papers.cited(root))


def test_every_arxiv_number_of_the_lessons_is_on_the_page():
    text = (ROOT / papers.FILE).read_text(encoding="utf-8")
    for path in sorted((ROOT / "lessons").glob("*.py")):
        for number in papers.ARXIV.findall(path.read_text(encoding="utf-8")):
            assert f"[{number}](" in text, path.name
    assert all(who for who, _ in papers.in_code(ROOT).values())
