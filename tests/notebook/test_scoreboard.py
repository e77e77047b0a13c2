"""The scoreboard: open places, other versions, and what the poster shows."""

import json

import pytest

from course_utils.notebook import Claims, plots, poster, recorded, scoreboard
from course_utils.notebook.plots.figures import alt_text, title_of
from course_utils.notebook.scoreboard import FAILS, HOLDS, OPEN

LISTED = {
    "01": {"title": "First", "claims": [["a < b & c", "0.5", "< 1"], ["d", "3", "2 to inf"]]},
    "02": {"title": "Second", "claims": [["e", "yes", "== yes"]]},
}


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.setattr(recorded, "course_folder", lambda: tmp_path)
    return tmp_path / "claims"


@pytest.fixture
def built(tmp_path):
    path = tmp_path / "scoreboard.json"
    path.write_text(json.dumps(LISTED), encoding="utf-8")
    return path


def run(lesson, *claims):
    book = Claims(lesson)
    for claim in claims:
        book.check(*claim)
    book.verdicts()


FIRST = ("01", ("a < b & c", 0.25, "<", 1), ("d", float("inf"), "within", (2, float("inf"))))


def test_a_record_comes_back_as_it_was(folder):
    run(*FIRST)
    record = recorded.load("01")
    assert [claim["value"] for claim in record.claims] == [0.25, float("inf")]
    assert record.claims[1]["bound"] == (2.0, float("inf"))
    assert record.when.endswith("+00:00")
    assert record.seconds > 0
    assert 0.02 < record.memory < 100  # Python and torch alone hold more than 20 MB
    assert recorded.load("02") is None


def test_a_board_of_nothing_is_open_and_says_how_to_fill_it(built):
    board = scoreboard.gather(built=built)
    assert board.count() == board.count(OPEN) == 3
    assert board.lesson("01").places[0].number == "0.5"
    assert scoreboard.FILL in board.summary()
    with pytest.raises(ValueError, match=r"lesson 01: not run yet; lesson 02: not run yet\. Run"):
        board.require_complete()
    with pytest.raises(ValueError, match="no lesson '07' on the board; it has 01, 02"):
        board.lesson("07")


def test_half_a_board_shows_what_was_run_and_leaves_the_rest_open(built):
    run(*FIRST)
    board = scoreboard.gather(built=built)
    row = board.lesson("01")
    assert [place.verdict for place in row.places] == [HOLDS, HOLDS]
    assert [place.number for place in row.places] == ["0.25", "inf"]
    assert row.when == recorded.load("01").when[:10]
    assert board.lesson("02").problem == "not run yet"
    assert board.summary().startswith("3 claims of 2 lessons; 2 measured here, 2 hold. To fill")


def test_a_whole_board_is_complete_even_where_a_claim_fails(built):
    run(*FIRST)
    run("02", ("e", False, "==", True))
    board = scoreboard.gather(built=built)
    board.require_complete()
    assert board.count(FAILS) == 1
    assert board.summary() == "3 claims of 2 lessons; 3 measured here, 2 hold"


@pytest.mark.parametrize(
    ("claims", "says"),
    [
        (FIRST[1:2], 'it has no claim "d"'),
        ((*FIRST[1:], ("new", 1, ">", 0)), '"new" is no claim of it now'),
        ((("a < b & c", 0.25, "<", 2), FIRST[2]), 'the bound of "a < b & c" was < 2'),
        ((("a < b & c", 0.25, "<=", 1), FIRST[2]), 'the bound of "a < b & c" was <= 1'),
    ],
)
def test_a_record_of_another_version_of_the_lesson_is_refused(built, claims, says):
    run("01", *claims)
    board = scoreboard.gather(built=built)
    assert says in board.lesson("01").problem
    assert board.lesson("01").count(OPEN) == 2
    with pytest.raises(ValueError, match="lesson 01: run in another version"):
        board.require_complete()


def test_a_record_of_another_version_of_the_course_is_refused(built, folder):
    run(*FIRST)
    record = json.loads((folder / "01.json").read_text(encoding="utf-8"))
    record["versions"]["course_utils"] = "0.0.1"
    (folder / "01.json").write_text(json.dumps(record), encoding="utf-8")
    assert "version 0.0.1" in scoreboard.gather(built=built).lesson("01").problem


@pytest.mark.parametrize("content", ["", "[]", '{"lesson": "01", "claims": []}', '{"claims": [1]}'])
def test_what_is_no_record_leaves_its_places_open(built, folder, content):
    folder.mkdir()
    (folder / "01.json").write_text(content, encoding="utf-8")
    board = scoreboard.gather(built=built)
    assert "not a record" in board.lesson("01").problem
    assert "Run lesson 01 again" in board.lesson("01").problem


@pytest.mark.parametrize("content", [None, "{", '{"01": {"title": "no claims"}}'])
def test_a_list_of_claims_that_cannot_be_read_is_said(tmp_path, content):
    path = tmp_path / "list.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match="make docs"):
        scoreboard.gather(built=path)


def test_the_board_in_both_forms(built):
    run(*FIRST)
    board = scoreboard.gather(built=built)
    page = board._repr_html_()
    assert page.count("<tr>") == 3
    assert "01 · First" in page
    assert "<caption" in page
    lines = repr(board).splitlines()
    assert lines[0].split()[:2] == ["lesson", "claims"]
    assert lines[-1] == board.summary()


def test_the_small_figure_has_a_box_a_claim(built):
    run("01", FIRST[1], ("d", 1, "within", (2, float("inf"))))
    figure = poster.draw(scoreboard.gather(built=built))
    assert title_of(figure) == "3 claims of 2 lessons; 2 measured here, 1 hold"
    boxes = figure.axes[0].patches
    assert len(boxes) == 3
    full = [box.get_facecolor()[3] > 0 for box in boxes]
    assert full == [True, False, False]
    assert len(figure.axes[0].lines) == 2  # the cross of the one that fails
    assert "Lesson 01: 1 of 2 claims hold here, 1 fail" in alt_text(figure)


def test_the_poster_shows_every_claim_of_every_lesson_once():
    board = scoreboard.gather()
    ax = poster.poster(board).axes[0]
    assert len(ax.patches) == board.count()
    said = [text.get_text() for text in ax.texts]
    for row in board.rows:
        assert said.count(f"{row.lesson} · {row.title}") == 1
    numbers = [f"{place.number}  ({place.bound})" for row in board.rows for place in row.places]
    assert sorted(text for text in said if text in set(numbers)) == sorted(numbers)
    height, width = poster.SHEET[1], poster.SHEET[0]
    assert all(0 <= t.get_position()[0] <= width for t in ax.texts)
    assert all(0 <= t.get_position()[1] <= height for t in ax.texts)


def test_the_poster_is_saved_as_what_its_name_says(built, tmp_path):
    board = scoreboard.gather(built=built)
    assert poster.save(board, tmp_path / "new" / "board.pdf").read_bytes().startswith(b"%PDF")
    with pytest.raises(ValueError, match="board.doc"):
        poster.save(board, tmp_path / "board.doc")


def test_marks_that_are_none_are_refused():
    with pytest.raises(ValueError, match="got 'perhaps'"):
        plots.tally({"a": ["holds", "perhaps"]})
    with pytest.raises(ValueError, match="no row"):
        plots.tally({})
