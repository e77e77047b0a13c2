"""Claims: bounds, verdicts, the table and the file."""

import json
import math

import numpy as np
import pytest
import torch

from course_utils.notebook import Claims, recorded


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.setattr(recorded, "course_folder", lambda: tmp_path)
    return tmp_path / "claims"


def verdict(value, op, bound):
    book = Claims("01")
    book.check("a claim", value, op, bound)
    (row,) = book.table().rows
    return row[3] == "✓ holds"


@pytest.mark.parametrize(
    ("value", "op", "bound", "holds"),
    [
        (1, "<", 2, True),
        (2, "<", 2, False),
        (2, "<=", 2, True),
        (3, ">", 2, True),
        (2, ">=", 2, True),
        (1.9, ">=", 2, False),
        (2, "==", 2.0, True),
        (True, "==", True, True),
        (False, "==", True, False),
        (torch.tensor(0.5), "within", (0.5, 0.6), True),
        (torch.tensor([[0.7]], requires_grad=True), "within", [0.5, 0.6], False),
        (np.float32(0.5), "<", torch.tensor(1), True),
        (torch.tensor(True), "==", True, True),
        (math.nan, "<", 1, False),
        (math.nan, ">", 1, False),
        (math.nan, "==", 1, False),
        (math.nan, "within", (0, 1), False),
        (math.inf, ">", 1, True),
    ],
)
def test_verdicts(value, op, bound, holds):
    assert verdict(value, op, bound) is holds


@pytest.mark.parametrize(
    ("op", "bound", "message"),
    [
        ("=<", 1, "operator must be one of"),
        ("<", math.nan, "NaN"),
        ("within", 1, "pair"),
        ("within", (1, 2, 3), "pair"),
        ("within", (2, 1), "low <= high"),
        ("within", (math.nan, 1), "low <= high"),
    ],
)
def test_a_bad_bound_is_refused(op, bound, message):
    with pytest.raises(ValueError, match=message):
        Claims("01").check("a claim", 1, op, bound)


@pytest.mark.parametrize("value", [torch.zeros(3), "many", None, [1, 2], 1j])
def test_a_value_that_is_no_number_is_refused(value):
    with pytest.raises(TypeError, match="must be a single number"):
        Claims("01").check("a claim", value, "<", 1)
    with pytest.raises(TypeError, match="bound must be a single number"):
        Claims("01").check("a claim", 1, "<", value)


def test_a_cell_run_twice_replaces_its_claim():
    book = Claims("01")
    book.check("first", 1, "<", 2)
    book.check("second", 1, "<", 2)
    book.check("first", 3, "<", 2)
    assert [row[:2] for row in book.table().rows] == [("first", "3"), ("second", "1")]


def test_table_in_both_forms():
    book = Claims("01")
    book.check("<b>jump</b> & walk agree", 0.012345, "<", 0.05)
    book.check("two runs are the same", False, "==", True)
    book.check("steps", 123456, "within", (1000, 2e6))
    table = book.table()
    assert [row[1:] for row in table.rows] == [
        ("0.0123", "< 0.05", "✓ holds"),
        ("no", "== yes", "✗ FAILS"),
        ("123,456", "1,000 to 2,000,000", "✓ holds"),
    ]
    page = table._repr_html_()
    assert "&lt;b&gt;jump&lt;/b&gt; &amp; walk" in page
    assert page.count("<tr>") == 4
    lines = repr(table).splitlines()
    assert (
        len(
            {
                line.index(word)
                for line, word in zip(lines, ["bound", "<", "==", "1,0"], strict=True)
            }
        )
        <= 2
    )
    assert lines[0].split() == ["claim", "measured", "bound", "verdict"]


def test_a_check_prints_its_line_where_it_stands(capsys, folder):
    book = Claims("07")
    book.check("the mask leaks nothing", 0.0, "==", 0)
    book.check("the share", 0.5, "within", (0.6, 1))
    assert capsys.readouterr().out == (
        "✓ holds: the mask leaks nothing: 0 (bound == 0)\n"
        "✗ FAILS: the share: 0.5 (bound 0.6 to 1)\n"
    )


def test_verdicts_print_no_numbers_and_save_everything(capsys, folder):
    book = Claims("07")
    book.check("the mask leaks nothing", 0.0, "==", 0)
    book.check("the loss is finite", math.nan, "<", 3)
    book.check("the share", 0.5, "within", (0, math.inf))
    capsys.readouterr()
    book.verdicts()
    assert capsys.readouterr().out == ("2 of 3 claims hold\nFAILS | the loss is finite\n")
    text = (folder / "07.json").read_text(encoding="utf-8")
    record = json.loads(text, parse_constant=pytest.fail)  # NaN is no JSON
    assert record["lesson"] == "07"
    assert set(record["versions"]) == {"course_utils", "python", "torch"}
    assert [claim["holds"] for claim in record["claims"]] == [True, False, True]
    assert record["claims"][1] == {
        "text": "the loss is finite", "value": "nan", "operator": "<", "bound": 3.0, "holds": False,
    }  # fmt: skip
    assert record["claims"][2]["bound"] == [0.0, "inf"]
    assert [path.name for path in folder.iterdir()] == ["07.json"]


def test_a_write_that_fails_keeps_the_old_file(monkeypatch, folder):
    book = Claims("01")
    book.check("old", 1, "<", 2)
    book.verdicts()
    monkeypatch.setattr(recorded.json, "dumps", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        book.verdicts()
    assert json.loads((folder / "01.json").read_text())["claims"][0]["text"] == "old"


def test_no_claims_is_said_and_keeps_the_old_file(capsys, folder):
    book = Claims("01")
    book.check("old", 1, "<", 2)
    book.verdicts()
    capsys.readouterr()
    Claims("01").verdicts()
    assert "run the cells above" in capsys.readouterr().out
    assert json.loads((folder / "01.json").read_text())["claims"][0]["text"] == "old"
