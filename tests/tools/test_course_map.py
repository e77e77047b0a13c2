"""The tables of lessons say what the lessons' heads say."""

from pathlib import Path

import pytest

import course_map
import measured
from course_utils.notebook import recorded

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


def test_what_a_run_took_is_taken_from_its_records(tmp_path, monkeypatch):
    monkeypatch.setattr(recorded, "course_folder", lambda: tmp_path)
    recorded.save("03", [])
    rows = measured.gather(tmp_path, tmp_path / "claims")["lessons"]
    assert set(rows) == {"03"}
    assert rows["03"]["memory"] > 0.02
    assert measured.gather(tmp_path)["lessons"] == {}
    assert "make test" in measured.show(measured.gather(tmp_path))


def test_more_than_a_lesson_may_take_is_said():
    rows = {"01": {"seconds": 60.0, "memory": 0.5}, "02": {"seconds": 1140.0, "memory": 1.5}}
    said = measured.show({"lessons": rows})
    assert said.splitlines()[-1] == "2 lessons: 20.0 minutes of the processor, at most 1.50 GB"
    assert "more than allowed" not in said
    rows["02"] = {"seconds": 1141.0, "memory": 1.51}
    said = measured.show({"lessons": rows}).splitlines()
    assert said[-1].endswith("more than allowed")
    assert said[-2].endswith("more than allowed")


def test_the_course_takes_no_more_than_it_may(root):
    rows = course_map.measured(root)["lessons"]
    if not rows:
        pytest.skip("nothing was measured yet: `make measured` after `make test`")
    assert sum(row["seconds"] for row in rows.values()) <= 60 * measured.MOST_MINUTES
    assert max(row["memory"] for row in rows.values()) <= measured.MOST_MEMORY


def test_a_row_of_readme_has_what_was_measured(root):
    head = course_map.heads(root)[1]
    took = {"01": {"seconds": 31.4, "memory": 0.78}}
    assert course_map.readme_rows([head], took)[-1].endswith("| 31 s | 0.8 GB |")
    assert course_map.readme_rows([head], {})[-1].endswith(f"| {head.seconds} s |")
    said = course_map.note({"machine": "a toaster", "lessons": took})
    assert "a toaster. All 1 lessons together: 1 minutes" in said
