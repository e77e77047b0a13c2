"""What the repository says of its lessons is what the lessons say."""

from pathlib import Path

import pytest

import make_poster
import write_docs
from course_utils.notebook import scoreboard
from tables import claims

ROOT = Path(write_docs.__file__).resolve().parents[1]
UPDATED = write_docs.updated(ROOT)


@pytest.mark.parametrize("file", UPDATED)
def test_it_is_up_to_date(file):
    assert (ROOT / file).read_text(encoding="utf-8") == UPDATED[file], "run `make docs`"


def test_every_lesson_is_on_the_scoreboard_with_claims():
    lessons = {path.name[:2] for path in (ROOT / "lessons").glob("[0-9][0-9]_*.py")}
    found = claims.of_lessons(ROOT)
    assert set(found) == lessons
    assert all(found.values())
    assert {claim.verdict for lesson in found.values() for claim in lesson} == {"✓ holds"}


def test_a_notebook_without_claims_is_said(tmp_path):
    with pytest.raises(ValueError, match="01_a.ipynb shows no table of claims"):
        claims.of_notebook(tmp_path / "01_a.ipynb")


def test_what_is_stale_is_told_and_written(tmp_path, monkeypatch, capsys):
    (tmp_path / "a.md").write_text("old", encoding="utf-8")
    monkeypatch.setattr(write_docs, "updated", lambda root: {"a.md": "new", "b.md": "more"})
    assert write_docs.main(["--check"], tmp_path) == 1
    assert "a.md: out of date: run `make docs`" in capsys.readouterr().out
    assert write_docs.main([], tmp_path) == 0
    assert (tmp_path / "a.md").read_text(encoding="utf-8") == "new"
    assert write_docs.main(["--check"], tmp_path) == 0


def test_the_poster_tool_runs_only_what_is_open(tmp_path, monkeypatch, capsys):
    rows = [scoreboard.Row("01", "Run", (), "2026-01-01"), scoreboard.Row("02", "Not", (), "", "x")]
    lessons = tmp_path / "lessons"
    lessons.mkdir()
    (lessons / "01_run.py").write_text("raise SystemExit('again')")
    (lessons / "02_not.py").write_text("from pathlib import Path; Path('seen').touch()")
    board = scoreboard.Board(tuple(rows))
    assert make_poster.fill(board, tmp_path) == []
    assert (tmp_path / "seen").exists()
    (lessons / "02_not.py").write_text("raise ValueError('no luck')")
    assert make_poster.fill(board, tmp_path) == ["02"]
    assert "ValueError: no luck" in capsys.readouterr().out
    monkeypatch.setattr(make_poster.scoreboard, "gather", lambda: board)
    assert make_poster.main(["--to", str(tmp_path / "board.txt")]) == 1
    assert "a poster is a .pdf" in capsys.readouterr().err
