"""Marks of exercises, and who of a room is where."""

import json
import os
import subprocess
import sys

import pytest

from course_utils import marks, progress
from course_utils.exercises import checks
from course_utils.notebook import recorded


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The folder of a learner whose lesson has begun."""
    folder = tmp_path / "ann" / ".course"
    folder.mkdir(parents=True)
    monkeypatch.setattr(marks, "_home", lambda: folder)
    monkeypatch.setattr(recorded, "course_folder", lambda: folder)
    return folder


def claim(holds: bool = True) -> dict:
    return {"text": "a", "value": 1.0, "operator": "<", "bound": 2.0, "holds": holds}


def test_nothing_is_kept_before_a_lesson_begins(tmp_path, monkeypatch):
    monkeypatch.setattr(marks, "_home", None)
    marks.record("01.1", marks.PASSED)
    assert not list(tmp_path.iterdir())


def test_tries_are_counted_and_passed_stays_passed(home):
    marks.record("01.1", marks.UNTOUCHED)
    assert marks.load("01", home / "marks") == {}
    for verdict in ("not right yet", "not right yet", marks.PASSED, "not right yet"):
        marks.record("01.1", verdict)
    marks.record("01.2", "not right yet")
    kept = marks.load("01", home / "marks")
    assert (kept["01.1"].verdict, kept["01.1"].tries) == (marks.PASSED, 3)
    assert (kept["01.2"].verdict, kept["01.2"].tries) == ("not right yet", 1)
    assert [path.name for path in (home / "marks").iterdir()] == ["01.json"]


def test_a_check_leaves_its_mark(home, capsys):
    def clock(*arguments):
        return None

    checks.run("00.1", clock)
    assert marks.load("00", home / "marks")["00.1"].verdict == "not right yet"


def test_a_closed_folder_stops_nobody(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setattr(marks, "_home", lambda: tmp_path / "file")
    marks.record("01.1", marks.PASSED)


def test_a_damaged_file_of_marks_is_begun_anew(home):
    (home / "marks").mkdir()
    (home / "marks" / "01.json").write_text('{"01.1": ', encoding="utf-8")
    with pytest.raises(ValueError, match=r"marks/01.json is not a record of marks"):
        marks.load("01", home / "marks")
    marks.record("01.1", marks.PASSED)
    assert marks.load("01", home / "marks")["01.1"].verdict == marks.PASSED


def test_the_room_is_shown(home, tmp_path, capsys):
    recorded.save("01", [claim(), claim(False)])
    marks.record("02.1", marks.PASSED)
    for _ in range(3):
        marks.record("02.2", "not right yet")
    late = json.loads((home / "marks" / "02.json").read_text(encoding="utf-8"))
    late["02.2"]["when"] = "2999-01-01T10:20:30+00:00"
    (home / "marks" / "02.json").write_text(json.dumps(late), encoding="utf-8")
    (tmp_path / "bob").mkdir()
    assert progress.main([str(tmp_path / name) for name in ("bob", "ann", "eve")]) == 0
    lines = capsys.readouterr().out.splitlines()
    ann = next(line for line in lines if line.startswith("ann"))
    assert " ".join(ann.split()) == ("ann 02 01 1 of 2 hold 1 passed 02.2 (3!) 2999-01-01 10:20")
    assert "note: bob: nothing in" in "\n".join(lines)
    assert f"note: eve: {tmp_path / 'eve'} is no folder" in lines
    assert lines[-1] == "3 learners: 1 at 02, 2 not begun"


def test_a_folder_may_be_given_by_its_inner_one(home):
    marks.record("03.1", marks.PASSED)
    assert progress.read(home) == progress.read(home.parent)
    home.rename(home.parent / "elsewhere")
    assert progress.read(home.parent / "elsewhere").at == "03"


def test_what_cannot_be_read_is_named_and_the_rest_shown(home, capsys):
    marks.record("01.1", marks.PASSED)
    (home / "claims").mkdir()
    (home / "claims" / "02.json").write_text("{", encoding="utf-8")
    assert progress.main([str(home)]) == 0
    said = capsys.readouterr().out
    assert "note: ann: 02.json is not a record that this version can read" in said
    assert "1 at 01" in said


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
def test_a_closed_folder_is_named(home):
    home.parent.chmod(0)
    try:
        assert "cannot be read: Permission denied" in progress.read(home.parent).problems[0]
    finally:
        home.parent.chmod(0o755)


def test_no_sign_at_all_is_an_error(tmp_path, capsys):
    assert progress.main([str(tmp_path)]) == 1
    assert "1 learners: 1 not begun" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        progress.main([])


def test_it_is_a_command(home):
    marks.record("01.1", marks.PASSED)
    command = [sys.executable, "-m", "course_utils.progress", str(home.parent)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "1 at 01" in run.stdout
