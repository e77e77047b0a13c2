"""Notebooks that run alone: what they carry, their first cell, and one run in an empty folder.

`make colab-test` runs all of them, with Colab's packages.
"""

import base64
import io
import json
import lzma
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
import torch

import make_colab
import run_colab
from builder.lesson import find_lessons, read_lesson
from colab import notebook as colab_notebook
from colab import running
from colab.carried import EXACT, Parcel, _round, needed_weights, pack, rounded
from colab.notebook import ColabError, alone, first_cell, relinked
from course_utils import __version__
from course_utils.training import load_checkpoint

ROOT = Path(__file__).resolve().parents[2]
LESSON = """\
# %% [markdown]
# # 99 · Tiny
#
# See [the article](../docs/article.md), [a paper](https://example.org) and [below](#here).

# %% tags=["setup"]
from course_utils import recipes
from course_utils.notebook import Claims, setup

course, claims = setup("99"), Claims("99")

# %%
import google.colab

writer = recipes.load("stories_draft")
claims.check("it has weights", sum(p.numel() for p in writer.parameters()), ">", 1000)
claims.verdicts()
"""


@pytest.fixture(scope="module")
def parcel() -> Parcel:
    return pack(ROOT, "99", ["stories_draft.safetensors"])


@pytest.fixture
def tiny(tmp_path):
    source = tmp_path / "99_tiny.py"
    source.write_text(LESSON, encoding="utf-8")
    return read_lesson(source)


def contents(parcel: Parcel) -> zipfile.ZipFile:
    letters = "".join(parcel.text.split())
    return zipfile.ZipFile(io.BytesIO(lzma.decompress(base64.b85decode(letters))))


def ask(folder: Path, code: str) -> subprocess.CompletedProcess:
    """Runs code in a Python of its own, that has no course unless the folder has one."""
    paths = running._folders(Path(sys.executable))
    script = folder / "cells.py"
    script.write_text(f"import sys; sys.path += {paths!r}\n{code}", encoding="utf-8")
    command = [sys.executable, "-S", script]
    environment = running._environment(folder, "fast")
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("lesson", "needs"),
    [
        ("00", {"digits", "stories"}),
        ("11", {"assistant", "chat"}),
        ("12", {"shapes", "captions", "painters"}),  # the painter reads by the captions' towers
        ("07", {"07_circle", "07_one_layer", "07_orderless", "07_places", "07_reader"}),
    ],
)
def test_a_lesson_needs_its_own_weights_and_those_of_its_recipes(lesson, needs):
    (path,) = (ROOT / "lessons").glob(f"{lesson}_*.py")
    found = needed_weights(path.read_text(encoding="utf-8"), lesson, ROOT)
    assert {Path(name).stem for name in found} == needs


def test_a_recipe_without_weights_is_named():
    with pytest.raises(ValueError, match="loads the recipe 'nobody', which has no weights"):
        needed_weights('recipes.load("nobody")', "99", ROOT)


def test_the_parcel_is_a_wheel_with_the_lesson_s_part_only(parcel):
    file = contents(parcel)
    assert file.testzip() is None
    names = file.namelist()
    weights = [name for name in names if name.startswith("course_utils/weights/")]
    assert set(weights) == {
        "course_utils/weights/__init__.py",
        "course_utils/weights/stories_draft.safetensors",
    } & set(names)
    assert not [name for name in names if "exercises/lesson_" in name]
    assert [name for name in pack_names("01") if "exercises/lesson_01" in name]
    record = file.read(f"course_utils-{__version__}.dist-info/RECORD").decode().splitlines()
    assert [row.split(",")[0] for row in record].sort() == names.sort()
    shipped = ROOT / "course_utils" / "weights" / "stories_draft.safetensors"
    assert file.read("course_utils/weights/stories_draft.safetensors") == shipped.read_bytes()


def pack_names(lesson: str) -> list[str]:
    return contents(pack(ROOT, lesson, [])).namelist()


def test_rounding_is_to_the_nearest_and_the_file_is_whole(tmp_path):
    path = ROOT / "course_utils" / "weights" / "stories_draft.safetensors"
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(rounded(path, 8))
    exact, few = load_checkpoint(path)[0], load_checkpoint(copy)[0]
    assert load_checkpoint(copy)[1]["rounded_to_bits"] == 8
    for name, x in exact.items():
        if x.dtype == torch.float16:
            normal = x.abs() > 2**-14
            error = (few[name].double() - x.double()).abs()[normal]
            assert bool((error <= 2.0**-8 * x.double().abs()[normal]).all())
        else:
            assert torch.equal(few[name], x)
    assert rounded(path, EXACT) == path.read_bytes()


def test_rounding_by_hand():
    x = torch.tensor([1 + 3 / 1024, -(1 + 3 / 1024), 2047 / 1024, 0.0], dtype=torch.float16)
    assert _round(x, 3).tolist() == [1.0, -1.0, 2.0, 0.0]
    assert _round(x, 2).tolist() == [1 + 4 / 1024, -(1 + 4 / 1024), 2.0, 0.0]


def test_links_into_the_repository_follow_the_address():
    text = (
        "[a](../docs/article.md#x) [b](02_x.ipynb) [c](https://example.org) [d](#here) ![e](f.png)"
    )
    here = "https://github.com/o/n"
    assert relinked(text, "") == "a b [c](https://example.org) [d](#here) ![e](f.png)"
    assert f"[a]({here}/blob/main/docs/article.md#x)" in relinked(text, here)
    assert f"[b]({here}/blob/main/notebooks/02_x.ipynb)" in relinked(text, here)


def test_a_notebook_runs_alone_and_its_first_cell_twice(tiny, tmp_path):
    made, _ = alone(tiny, ROOT)
    nbformat.validate(made)
    assert "../docs" not in made.cells[0].source
    path = tmp_path / "99_tiny.ipynb"
    nbformat.write(made, path)
    ran = running.run(path, Path(sys.executable), "fast")
    assert ran.problem == ""
    assert ran.first[0].startswith(f"Took the course, version {__version__}, out of this notebook")
    assert ran.claims == "1 of 1 claims hold"


def test_what_is_too_large_is_refused(tiny, monkeypatch):
    monkeypatch.setattr(colab_notebook, "LARGEST", 1000)
    monkeypatch.setattr(colab_notebook, "FEWEST_BITS", 11)
    with pytest.raises(ColabError, match="99_tiny.ipynb would have .* carries stories_draft"):
        alone(tiny, ROOT)


def test_a_half_downloaded_notebook_is_said(parcel, tmp_path):
    half = Parcel(parcel.text[:1000], parcel.digest, parcel.needed, parcel.bits)
    ran = ask(tmp_path, first_cell(half, ""))
    assert ran.returncode
    assert "damaged or only half downloaded: the 1,000 letters" in ran.stderr
    assert not list(tmp_path.rglob("course_utils"))


def package(folder: Path, version: str) -> None:
    (folder / "course_utils" / "weights").mkdir(parents=True)
    text = f'__version__ = "{version}"\n'
    (folder / "course_utils" / "__init__.py").write_text(text, encoding="utf-8")


def test_what_is_here_in_the_right_version_is_taken(tmp_path):
    package(tmp_path, __version__)
    bare = Parcel("", "", (), EXACT)
    assert ask(tmp_path, first_cell(bare, "")).stdout == (
        f"The course, version {__version__}, is here already.\n"
    )


def test_another_version_is_passed_over_and_a_loaded_one_asks_for_a_restart(parcel, tmp_path):
    package(tmp_path, "0.0.1")
    cell = first_cell(parcel, "")
    ran = ask(tmp_path, f"{cell}\nimport course_utils; print(course_utils.__version__)")
    assert "the one here: version 0.0.1" in ran.stdout
    assert ran.stdout.splitlines()[-1] == __version__
    ran = ask(tmp_path, f"import course_utils\n{cell}")
    assert "is version 0.0.1; this notebook needs version" in ran.stderr
    assert "Restart the kernel" in ran.stderr


def test_a_carried_package_of_another_version_is_refused(parcel, tmp_path):
    cell = first_cell(parcel, "").replace(f'version="{__version__}"', 'version="9.9.9"')
    ran = ask(tmp_path, cell)
    assert f"carries is version {__version__}, and the notebook needs version 9.9.9" in ran.stderr


@pytest.mark.parametrize("answer", ["fatal: repository not found", ""])
def test_an_address_that_gives_nothing_is_told_in_the_line(answer, parcel, tmp_path):
    """pip is played here: an answer of 404, and an install that brought nothing."""
    here = "https://github.com/o/n"
    play = (
        "import subprocess\n"
        "def run(command, **_):\n"
        "    assert '--no-deps' in command\n"
        "    print(command[-1])\n"
        f"    return subprocess.CompletedProcess([], {int(bool(answer))}, '', 'noise\\n{answer}')\n"
        "subprocess.run = run\n"
    )
    ran = ask(tmp_path, play + first_cell(parcel, here))
    asked, said = ran.stdout.splitlines()
    assert asked == f"git+{here}@v{__version__}"
    assert said.startswith("Took the course")
    assert f"({here} gave none: {answer or 'not installed'})" in said


def test_the_network_is_cut_and_this_machine_is_not(tmp_path):
    code = (
        "import sitecustomize, socket\n"
        "server = socket.create_server(('127.0.0.1', 0))\n"
        "socket.create_connection(server.getsockname()).close()\n"
        "for reach in (lambda: socket.create_connection(('192.0.2.1', 80)),\n"
        "              lambda: socket.getaddrinfo('example.org', 80)):\n"
        "    try: reach()\n"
        "    except OSError as error: print(error)\n"
    )
    ran = ask(tmp_path, code)
    assert ran.stdout.count("the network is cut") == 2, ran.stderr


def test_the_runner_notices_what_is_wrong():
    took, again = "Took the course, version 1", "The course, version 1, is here already."
    assert running._problem([took, again], ["1 of 1 claims hold"]) == ""
    assert "first cell said" in running._problem([again, again], ["1 of 1 claims hold"])
    assert running._problem([took, again], []) == "it printed no verdicts"
    assert running._problem([took, again], ["0 of 1 claims hold", "FAILS | a"]) == "a claim fails"


def test_the_command_lines_say_what_is_missing(tmp_path, capsys):
    assert make_colab.main(["--only", "77"]) == 1
    assert "there is no lesson '77'" in capsys.readouterr().err
    (tmp_path / "lessons").mkdir()
    (tmp_path / "lessons" / "01_a.py").touch()
    assert run_colab.main([], tmp_path) == 1
    assert "01_a.ipynb is missing: run make colab" in capsys.readouterr().err


def test_all_lessons_run_in_the_fast_mode_and_two_in_full(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "is_file", lambda path: True)
    todo = run_colab.jobs(ROOT, [])
    names = [path.stem for path in find_lessons(ROOT)]
    assert [path.stem for path, mode in todo if mode == "fast"] == names
    assert [path.stem[:2] for path, mode in todo if mode == "full"] == ["02", "06"]


def test_colab_s_packages_are_those_that_the_course_asks_for(root):
    wanted = (root / "tools" / "colab" / "requirements.txt").read_text(encoding="utf-8")
    project = (root / "pyproject.toml").read_text(encoding="utf-8")
    core = re.search(r"^dependencies = \[\n(.*?)^\]", project, re.M | re.S)[1]
    names = json.loads("[" + ",".join(re.findall(r'"[\w-]+', core)).replace(",", '",') + '"]')
    assert set(names) <= set(re.findall(r"^[\w-]+", wanted, re.M))
