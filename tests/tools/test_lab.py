"""Opening JupyterLab: on copies that belong to the learner, for this machine only."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import lab
import work


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A course with two lessons as they were built."""
    for name in ("02_b.ipynb", "01_a.ipynb", "answers/01_a.ipynb", "Untitled.ipynb"):
        path = tmp_path / "course" / "notebooks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{name}, first state", encoding="utf-8")
    return tmp_path / "course"


def give(course: Path) -> list[str]:
    return work.hand_out(course / "notebooks", course / "work")


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_lab_opens_the_first_lesson_for_this_machine_only(course):
    give(course)
    options = lab.options(course, course / "work", browser=True, superuser=False)
    assert "--ServerApp.ip=127.0.0.1" in options
    assert f"--ServerApp.root_dir={course}" in options
    assert "--LabApp.default_url=/lab/tree/work/01_a.ipynb" in options
    assert "--KernelManager.transport_encryption=auto" in options
    assert not {"--no-browser", "--allow-root"} & set(options)
    assert not any("token" in option for option in options)
    more = lab.options(course, course / "work", browser=False, superuser=True)
    assert {"--no-browser", "--allow-root"} <= set(more)


def test_lab_in_a_closed_course_starts_in_the_folder_of_the_copies(course, tmp_path):
    elsewhere = tmp_path / "mine" / "work"
    work.hand_out(course / "notebooks", elsewhere)
    options = lab.options(course, elsewhere, browser=True, superuser=False)
    assert f"--ServerApp.root_dir={elsewhere}" in options
    assert "--LabApp.default_url=/lab/tree/01_a.ipynb" in options


def test_lab_without_a_lesson(tmp_path):
    with pytest.raises(FileNotFoundError, match="make lessons"):
        lab.options(tmp_path, tmp_path / "work", browser=True, superuser=False)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have a screen")
def test_no_browser_without_a_screen():
    assert not lab.has_browser({})


def test_each_lesson_and_its_answers_are_handed_out_once(course):
    assert give(course) == []
    given = sorted(
        path.relative_to(course / "work").as_posix() for path in course.rglob("work/**/*.ipynb")
    )
    assert given == ["01_a.ipynb", "02_b.ipynb", "answers/01_a.ipynb"]
    (course / "work" / "01_a.ipynb").write_text("my answer", encoding="utf-8")
    assert give(course) == []
    assert text(course / "work" / "01_a.ipynb") == "my answer"


def test_a_changed_lesson_comes_beside_what_a_learner_wrote(course):
    give(course)
    (course / "work" / "01_a.ipynb").write_text("my answer", encoding="utf-8")
    for name in ("01_a.ipynb", "02_b.ipynb"):
        (course / "notebooks" / name).write_text("second state", encoding="utf-8")
    (line,) = give(course)
    assert line.startswith("01_a.ipynb has changed")
    assert "01_a.new.ipynb" in line
    assert text(course / "work" / "01_a.ipynb") == "my answer"
    assert text(course / "work" / "01_a.new.ipynb") == "second state"
    assert text(course / "work" / "02_b.ipynb") == "second state"  # nothing was done in it
    assert give(course) == []  # said once
    (course / "notebooks" / "01_a.ipynb").write_text("third state", encoding="utf-8")
    give(course)
    assert text(course / "work" / "01_a.new.ipynb") == "third state"
    (course / "work" / "01_a.new.ipynb").write_text("begun here too", encoding="utf-8")
    (course / "notebooks" / "01_a.ipynb").write_text("fourth state", encoding="utf-8")
    give(course)
    assert text(course / "work" / "01_a.new.ipynb") == "begun here too"
    assert text(course / "work" / "01_a.new2.ipynb") == "fourth state"


@pytest.mark.parametrize("memory", ["", "[]", "{half", None])
def test_without_a_memory_nothing_is_overwritten(course, memory):
    give(course)
    (course / "work" / "01_a.ipynb").write_text("my answer", encoding="utf-8")
    given = course / "work" / work.GIVEN
    given.unlink() if memory is None else given.write_text(memory, encoding="utf-8")
    give(course)
    assert text(course / "work" / "01_a.ipynb") == "my answer"
    assert text(course / "work" / "01_a.new.ipynb") == "01_a.ipynb, first state"
    assert not (course / "work" / "02_b.new.ipynb").exists()


def test_the_address_is_said_where_jupyter_hides_it():
    assert lab.address(8888, "/lab", "abc", generated=True) == ""
    said = lab.address(8889, "/lab/tree/work/01_a.ipynb", "abc", generated=False)
    assert said == "The address is http://127.0.0.1:8889/lab/tree/work/01_a.ipynb?token=abc"
    assert "password" in lab.address(8888, "/lab", "", generated=False)
    assert "ssh -L 8889:127.0.0.1:8889 " in lab.tunnel(8889)


def test_an_open_door_is_refused():
    lab.require_entry(SimpleNamespace(auth_enabled=True), [])
    with pytest.raises(PermissionError, match="config.py(.|\n)*JUPYTER_TOKEN="):
        lab.require_entry(SimpleNamespace(auth_enabled=False), ["/etc/jupyter/config.py"])


def test_a_real_server_refuses_a_configuration_without_a_token(root, tmp_path):
    settings = tmp_path / "jupyter_server_config.py"
    settings.write_text("c.IdentityProvider.token = ''", encoding="utf-8")
    variables = {"JUPYTER_CONFIG_DIR": str(tmp_path), "COURSE_HOME": str(tmp_path / "home")}
    run = subprocess.run(
        [sys.executable, str(root / "tools" / "lab.py"), "--port=0"],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 1
    assert "switches off token and password" in run.stderr
    assert settings.name in run.stderr
