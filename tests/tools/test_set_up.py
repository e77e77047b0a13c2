"""The set-up behind the two commands, without installing anything."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import lab
import run_tests
import set_up


@pytest.fixture
def course(tmp_path: Path, monkeypatch) -> Path:
    """An empty course whose commands are written down instead of run."""
    folder = tmp_path / "mon café copy"
    folder.mkdir()
    (folder / "requirements.lock").write_text("torch==2.13.0\n", encoding="utf-8")
    monkeypatch.setattr(set_up, "run", lambda command, failed: made(folder))
    monkeypatch.setattr(set_up, "_answers", lambda python: python.exists())
    return folder


def made(folder: Path, python: str = "{}.{}".format(*sys.version_info)) -> None:
    """What `python -m venv` leaves."""
    interpreter = set_up.interpreter(folder / ".venv")
    interpreter.parent.mkdir(parents=True, exist_ok=True)
    interpreter.touch()
    (folder / ".venv" / "pyvenv.cfg").write_text(f"version = {python}.7\n", encoding="utf-8")


def step(folder: Path) -> str:
    return set_up.next_step(folder / ".venv", set_up.wanted(folder))


def test_ready_after_set_up_and_silent_then(course, capsys):
    assert step(course) == "fresh"
    set_up.set_up(course)
    assert step(course) == "nothing"
    capsys.readouterr()
    set_up.set_up(course)
    assert capsys.readouterr().out == ""


def test_changed_lock_updates_in_place(course):
    set_up.set_up(course)
    (course / "requirements.lock").write_text("torch==2.14.0\n", encoding="utf-8")
    assert step(course) == "update"


def test_moved_folder_starts_afresh(course):
    set_up.set_up(course)
    assert step(course.rename(course.with_name("moved"))) == "fresh"


@pytest.mark.parametrize("when", [1, 2, 3])
def test_interrupted_set_up_never_looks_ready(course, monkeypatch, when):
    calls = Counter()

    def interrupted(command, failed):
        made(course)
        calls["run"] += 1
        if calls["run"] == when:
            raise KeyboardInterrupt

    monkeypatch.setattr(set_up, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        set_up.set_up(course)
    assert step(course) == "fresh"
    set_up.set_up(course)
    assert step(course) == "nothing"


def test_a_failed_update_stays_an_update_and_never_looks_ready(course, monkeypatch):
    set_up.set_up(course)
    (course / "requirements.lock").write_text("torch==2.14.0\n", encoding="utf-8")

    def fail(command, failed):
        raise set_up.SetUpError(failed)

    monkeypatch.setattr(set_up, "run", fail)
    with pytest.raises(set_up.SetUpError):
        set_up.set_up(course)
    assert step(course) == "update"
    with pytest.raises(set_up.SetUpError):
        set_up.set_up(course)  # still offline: what is there is not deleted
    assert set_up.interpreter(course / ".venv").exists()
    monkeypatch.setattr(set_up, "run", lambda command, failed: None)
    set_up.set_up(course)
    assert step(course) == "nothing"


def test_an_environment_whose_python_has_gone_is_made_afresh_at_once(course):
    set_up.set_up(course)
    set_up.interpreter(course / ".venv").unlink()
    assert step(course) == "fresh"
    (course / "requirements.lock").write_text("torch==2.14.0\n", encoding="utf-8")
    assert step(course) == "fresh"
    set_up.set_up(course)
    assert step(course) == "nothing"


def test_one_made_by_hand_whose_python_has_gone_is_named(course):
    made(course)
    set_up.interpreter(course / ".venv").unlink()
    with pytest.raises(set_up.SetUpError, match="does not start.*\n.*Delete that folder"):
        step(course)


def test_a_python_answers_or_does_not(tmp_path):
    assert set_up._answers(Path(sys.executable))
    assert not set_up._answers(tmp_path / "gone")
    dangling = tmp_path / "python"
    dangling.symlink_to(tmp_path / "gone")
    assert not set_up._answers(dangling)


def test_what_would_lead_pip_astray_is_left_out(monkeypatch):
    for name in ("PYTHONHOME", "PYTHONPATH", "PIP_TARGET"):
        monkeypatch.setenv(name, "/somewhere")
    monkeypatch.setenv("PIP_USER", "1")
    monkeypatch.setenv("PIP_INDEX_URL", "https://example.org/simple")
    code = "import os; assert os.environ['PIP_USER'] == '0'; assert os.environ['PIP_INDEX_URL'];"
    code += "assert not {'PYTHONHOME', 'PYTHONPATH', 'PIP_TARGET'} & set(os.environ)"
    set_up.run([sys.executable, "-c", code], "a misleading variable was passed on")


def test_a_dollar_in_the_folders_name_is_named(course):
    folder = course.rename(course.with_name("a$b"))
    with pytest.raises(set_up.SetUpError, match=r"has a \$ in its name"):
        set_up.set_up(folder)


def test_environment_made_by_hand_is_used_and_never_deleted(course):
    made(course)
    assert step(course) == "update"
    made(course, python="3.9")
    with pytest.raises(set_up.SetUpError, match="holds Python 3.9"):
        step(course)


def test_missing_venv_module_is_named_with_its_package(course, monkeypatch):
    monkeypatch.setattr(set_up.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(set_up.SetUpError, match="sudo apt install python3"):
        set_up.set_up(course)
    assert not (course / ".venv").exists()


def test_failing_command_says_what_to_do():
    with pytest.raises(set_up.SetUpError, match="the remedy"):
        set_up.run([sys.executable, "-c", "raise SystemExit(1)"], "the remedy")


@pytest.mark.skipif(os.name == "nt", reason="a shell script, for make")
class TestFindPython:
    """tools/find_python.sh"""

    def find(self, root, tmp_path, versions, **extra):
        """Runs the script where the only Pythons are fakes of these names and versions."""
        for name, version in versions.items():
            fake = tmp_path / name
            says = f"[ $1 = --version ] && echo Python {version} && exit"
            fits = f"exit {int(version < '3.10')}"
            fake.write_text(f"#!/bin/sh\n{says}\n{fits}\n", encoding="utf-8")
            fake.chmod(0o755)
        for tool in ("head", "cat"):
            (tmp_path / tool).symlink_to(f"/usr/bin/{tool}")
        command = ["/bin/sh", str(root / "tools" / "find_python.sh")]
        environment = {"PATH": str(tmp_path), **extra}
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True
        )

    def test_plain_python3_comes_first(self, root, tmp_path):
        result = self.find(root, tmp_path, {"python3": "3.11", "python3.13": "3.13"})
        assert result.stdout == "python3\n"

    def test_newest_when_python3_is_too_old(self, root, tmp_path):
        result = self.find(
            root, tmp_path, {"python3": "3.09", "python3.12": "3.12", "python3.10": "3.10"}
        )
        assert result.stdout == "python3.12\n"

    def test_none_says_what_to_install(self, root, tmp_path):
        result = self.find(root, tmp_path, {"python3": "3.09"})
        assert result.returncode == 1
        assert "python3 is: Python 3.09" in result.stderr
        assert "sudo apt install python3 python3-venv" in result.stderr

    def test_named_python_out_of_range(self, root, tmp_path):
        result = self.find(root, tmp_path, {"old": "3.09", "python3": "3.11"}, PYTHON="old")
        assert result.returncode == 1
        assert "PYTHON=old is Python 3.09" in result.stderr

    def test_variables_of_another_python_do_not_hide_this_one(self, root, tmp_path):
        (tmp_path / "python3").symlink_to(sys.executable)
        command = ["/bin/sh", str(root / "tools" / "find_python.sh")]
        astray = {"PATH": f"{tmp_path}:/usr/bin", "PYTHONHOME": "/nowhere"}
        result = subprocess.run(command, cwd=tmp_path, env=astray, capture_output=True, text=True)
        assert result.stdout == "python3\n"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have a screen")
def test_no_browser_without_a_screen():
    assert not lab.has_browser({})


def test_summary_closes_like_pytest():
    good = run_tests.Result("unit", True, 2.0, Counter(passed=5, skipped=1))
    lint = run_tests.Result("lint", True, 0.5, Counter())
    assert run_tests.summary([lint, good]).splitlines()[-1].strip("= ") == (
        "5 passed, 1 skipped in 2.5s"
    )
    bad = run_tests.Result("types", False, 1.0, Counter())
    assert "1 failed, 5 passed, 1 skipped" in run_tests.summary([bad, good]).splitlines()[-1]


def test_all_parts_run_even_after_a_failure(monkeypatch, capsys, tmp_path):
    failing = (sys.executable, "-c", "raise SystemExit(3)")
    working = (sys.executable, "-c", "pass")
    parts = [run_tests.Part("first", (failing,)), run_tests.Part("second", (working,))]
    monkeypatch.setattr(run_tests, "parts", lambda: parts)
    monkeypatch.setattr(run_tests, "ROOT", tmp_path)
    assert run_tests.main([]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("first      FAILED") for line in lines)
    assert any(line.startswith("second     passed") for line in lines)
    assert run_tests.main(["second"]) == 0


def test_stamp_is_plain_json(course):
    set_up.set_up(course)
    stamp = json.loads((course / ".venv" / "course-set-up.json").read_text(encoding="utf-8"))
    assert set(stamp) == {"folder", "python", "packages"}
