"""The files around the course agree with each other."""

import re
import shutil
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

import lock

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PYTHONS = ["3.10", "3.11", "3.12", "3.13"]


def pins(root: Path) -> list[Requirement]:
    lines = (root / "requirements.lock").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if not line.startswith("#")]


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_lock_satisfies_what_the_package_asks_for(root, python, system):
    machine = {"python_version": python, "python_full_version": f"{python}.1"}
    machine |= {"sys_platform": system, "implementation_name": "cpython"}
    pinned = {
        pin.name: Version(str(pin.specifier).removeprefix("=="))
        for pin in pins(root)
        if pin.marker is None or pin.marker.evaluate(machine)
    }
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    for line in [*project["dependencies"], *chain.from_iterable(extras)]:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(machine):
            assert pinned[requirement.name] in requirement.specifier


def test_lock_pins_every_package_once_and_leaves_nvidia_to_torch(root):
    text = (root / "requirements.lock").read_text(encoding="utf-8")
    assert text == lock.lock_text(text.splitlines())
    assert lock.TORCH in text.splitlines()
    assert all(str(pin.specifier).startswith("==") for pin in pins(root))


def test_lock_text_drops_what_torch_brings():
    lines = ["# made by uv", "anyio==4.1", "nvidia-cublas==13", "cuda-toolkit==13", "triton==3.7"]
    assert lock.lock_text(lines) == lock.HEADER + "anyio==4.1\n"


def test_workflow_covers_all_systems_with_least_rights(root):
    file = root / ".github" / "workflows" / "test.yml"
    workflow = yaml.safe_load(file.read_text(encoding="utf-8"))
    job = workflow["jobs"]["test"]
    assert workflow["permissions"] == {"contents": "read"}
    assert job["strategy"]["matrix"]["python"] == PYTHONS
    systems = [name.partition("-")[0] for name in job["strategy"]["matrix"]["os"]]
    assert systems == ["ubuntu", "macos", "windows"]
    used = [step["uses"] for step in job["steps"] if "uses" in step]
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+\.\d+\.\d+", name) for name in used)


def test_conda_environment_names_no_package_twice(root):
    environment = yaml.safe_load((root / "environment.yml").read_text(encoding="utf-8"))
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    assert environment["dependencies"][-1] == {"pip": ["-e .[lab,test,scale]"]}


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
def test_what_a_learner_makes_is_ignored(root, tmp_path):
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    shutil.copy(root / ".gitignore", tmp_path)
    made = [".course/claims/01.json", ".venv/x", "notebooks/.ipynb_checkpoints/01-checkpoint.ipynb"]
    made += [
        ".mypy_cache/x",
        ".pytest_cache/x",
        "course_utils/__pycache__/x.pyc",
        "course_utils.egg-info/x",
    ]
    for name in [*made, "notebooks/01.ipynb", "tools/builder/lesson.py", "data/digits.safetensors"]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    command = ["git", "status", "--porcelain", "--untracked-files=all"]
    status = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    seen = {line[3:] for line in status.stdout.splitlines()}
    assert seen == {
        ".gitignore",
        "notebooks/01.ipynb",
        "tools/builder/lesson.py",
        "data/digits.safetensors",
    }
