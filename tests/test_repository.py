"""The files around the course agree with each other."""

import re
import shutil
import subprocess
import sys
from importlib import import_module
from itertools import chain
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

import lock
from builder.lesson import find_lessons
from tables import article

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PYTHONS = ["3.10", "3.11", "3.12", "3.13"]
NOT_IN_GIT = {"work"}  # in the tree of README, but a learner's own


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


def readme_tree(root: Path) -> list[Path]:
    """The files and folders that README's tree names, from the top of the repository."""
    text = (root / "README.md").read_text(encoding="utf-8")
    block = re.search(r"^## The tree\n+```\n(.+?)^```", text, re.M | re.S)[1]
    found, folders = [], []
    for indent, name in re.findall(r"^( *)(\S+)  +\S", block, re.M):
        folders[len(indent) // 2 :] = [name.rstrip("/")]
        found.append(Path(*folders))
    return found


def test_the_tree_of_readme_is_that_of_the_repository(root):
    named = readme_tree(root)
    missing = [path.as_posix() for path in named if not (root / path).exists()]
    assert set(missing) <= NOT_IN_GIT
    package = [path for path in (root / "course_utils").iterdir() if path.name[0] not in "_."]
    assert {path.relative_to(root) for path in package} <= set(named)


def offers(module: ModuleType, name: str) -> bool:
    """Whether a module has that name, or one of its classes has that method."""
    return any(hasattr(value, name) for value in (module, *vars(module).values()))


def test_the_mirror_of_readme_names_what_there_is(root):
    """What a row says of `file.py` can be found in that module of its column's package."""
    text = (root / "README.md").read_text(encoding="utf-8")
    rows = re.search(r"^## The mirror\n(.+?)^## ", text, re.M | re.S)[1]
    cells = [line.strip("|").split(" | ") for line in rows.splitlines() if ".py`" in line]
    assert len(cells) >= 6
    for _, *columns in cells:
        for family, column in zip(("diffusion", "language"), columns, strict=True):
            for file, told in re.findall(r"`(\w+)\.py`: (.*)", column):
                module = import_module(f"course_utils.{family}.{file}")
                names = re.findall(r"`(\w+)(?:\([^)]*\))?`", told.partition("→")[0])
                assert [name for name in names if not offers(module, name)] == []


def test_readme_lists_the_settings_that_are_read(root):
    listed = re.findall(r"^\| `(COURSE_\w+)`", (root / "README.md").read_text("utf-8"), re.M)
    sources = [path.read_text("utf-8") for path in (root / "course_utils").rglob("*.py")]
    read = re.compile(r"""["'](COURSE_\w+)["']""")
    assert set(listed) == {name for source in sources for name in read.findall(source)}


NUMBERS = [path.name[:2] for path in find_lessons(Path(__file__).resolve().parents[1])]
HEAD = r"\*(\d+) minutes to read, .*?about (a minute|\d+ seconds) to run"


@pytest.mark.parametrize("number", NUMBERS)
def test_readme_says_of_a_lesson_what_its_head_says(root, number):
    (path,) = (root / "lessons").glob(f"{number}_*.py")
    lesson, readme = path.read_text(encoding="utf-8"), (root / "README.md").read_text("utf-8")
    row = next(line for line in readme.splitlines() if line.startswith(f"| {number} |"))
    _, title, question, read, run, *_ = map(str.strip, row.strip("|").split("|"))
    name = re.search(r"^# # \d\d · (.+)$", lesson, re.M)[1]
    assert title == f"[{name}](notebooks/{path.stem}.ipynb)"
    assert f"# **{question}**" in lesson
    minutes, seconds = re.search(HEAD, lesson).groups()
    assert read == f"{minutes} min"
    assert run == seconds.replace("a minute", "60 s").replace(" seconds", " s")


def test_what_a_lesson_quotes_is_in_the_article_and_the_verdict_names_the_lesson(root):
    verdicts = article.read(root)
    for path in find_lessons(root):
        quotes = re.findall(r"^# > \*(.+?)\*$", path.read_text(encoding="utf-8"), re.M)
        assert quotes, f"{path.name} quotes no sentence of the article"
        for quote in quotes:
            tested = {
                lesson
                for verdict in verdicts
                if quote in verdict.says
                for lesson in (*verdict.waits_for, *(claim[0] for claim in verdict.measured))
            }
            assert path.stem[:2] in tested, f"{path.name}: {quote} (docs/verdicts.toml)"
