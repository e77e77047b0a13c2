"""The tables of lessons say what the lessons' heads say."""

from pathlib import Path

import pytest

import course_map

ROOT = Path(course_map.__file__).resolve().parents[1]


def test_a_lesson_needs_only_what_comes_before_it():
    found = course_map.heads(ROOT)
    assert [head.number for head in found] == sorted({head.number for head in found})
    for head in found:
        assert set(head.needs) <= {other.number for other in found if other.number < head.number}


HEAD = """\
# %% [markdown]
# # 03 · Sampling
#
# **How?**
#
# *50 minutes to read, an hour for the exercises, about a minute to run. Needs lessons 01 and 02. *

# %%
1
"""


def test_a_head_is_read(tmp_path):
    path = tmp_path / "03_sampling.py"
    path.write_text(HEAD, encoding="utf-8")
    assert course_map.read_head(path) == course_map.Head(
        "03_sampling", "Sampling", "How?", 50, 60, ("01", "02")
    )


@pytest.mark.parametrize(
    ("gone", "what"),
    [
        ("**How?**", "the question in bold"),
        ("50 minutes to read", "minutes to read"),
        ("about a minute to run", "seconds to run"),
        ("Needs lessons 01 and 02", "which lessons it needs"),
    ],
)
def test_what_a_head_lacks_is_said(tmp_path, gone, what):
    path = tmp_path / "03_sampling.py"
    path.write_text(HEAD.replace(gone, ""), encoding="utf-8")
    with pytest.raises(ValueError, match=f"03_sampling.py must say .*{what}"):
        course_map.read_head(path)


def test_only_the_table_is_replaced():
    text = "before\n| a |\n|---|\n| old |\nafter\n| other |\n"
    assert course_map.with_table(text, "| a |", ["|---|", "| new |"]) == (
        "before\n| a |\n|---|\n| new |\nafter\n| other |\n"
    )
    with pytest.raises(ValueError, match="expected a table"):
        course_map.with_table(text, "| b |", [])
