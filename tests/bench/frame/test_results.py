"""The file of results: sections are replaced, machines are not mixed, nothing is half written."""

import json

import pytest
from frame.goals import Goal
from frame.results import merged, read, replace

SECTIONS = ("digits", "text")
LOWER = Goal.lower("seconds", 2.0, 10.0, "peer", 5.0)


def test_a_section_run_again_replaces_only_itself(measured):
    assert [goal["section"] for goal in measured["goals"]] == ["digits", "text"]
    again = merged(measured, "text", {"goals": [LOWER], "details": {}}, SECTIONS)
    assert [goal["met"] for goal in again["goals"]] == [True, True]
    assert again["details"] == {"digits": {"kind": {"ratios": {"a": 2}}}, "text": {}}


def test_results_of_another_machine_are_not_mixed(measured, tmp_path):
    file = tmp_path / "results.json"
    assert read(file) == {}
    file.write_text(json.dumps(measured), encoding="utf-8")
    assert read(file) == measured
    file.write_text(json.dumps({**measured, "machine": {}}), encoding="utf-8")
    assert read(file) == {}


def test_a_file_is_replaced_whole(tmp_path, monkeypatch):
    file = tmp_path / "results.json"
    replace(file, b"old")

    def full(self, content):
        raise OSError("no space left")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(OSError, match="no space"):
        replace(file, b"new")
    assert file.read_bytes() == b"old"
