"""The builder, on small lessons written for each test."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest

import build_notebooks
from builder import execute as execution
from builder import freshness, store
from builder.cell import LessonError
from builder.contents import answer_notebook, student_notebook
from builder.lesson import find_lessons, read_lesson

SETUP = """\
# %% [markdown]
# # 01 · Doubling
#
# Read [the notes](../docs/notes.md).

# %% tags=["setup"]
from course_utils import numbers

class checks:
    @staticmethod
    def run(exercise, function):
        try:
            print(exercise, "passed" if function(2) == 4 else "differs")
        except NotImplementedError:
            print(exercise, "not attempted")
"""
EXERCISE = '''
# %% [markdown] tags=["exercise-text"]
# ### Exercise 01.1 - Double (1 min, easy)
#
# See [this](#there), [that](02_x.ipynb) and [the web](https://example.org).

# %% tags=["exercise"]
def double(x):
    """Doubles x."""
    # BEGIN SOLUTION
    twice = x + x
    return twice
    # END SOLUTION

# %% tags=["check"]
checks.run("01.1", double)
'''
VERDICT = """
# %% tags=["nbval-check-output"]
print("claim holds:", numbers.THREE == 3)
"""
LESSON = SETUP + EXERCISE + VERDICT


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one lesson and a package of one module, in a folder hard to name."""
    folder = tmp_path / "mon café copy"
    (folder / "course_utils").mkdir(parents=True)
    (folder / "course_utils" / "__init__.py").touch()
    (folder / "course_utils" / "numbers.py").write_text("THREE = 3\n", encoding="utf-8")
    write(folder, LESSON)
    return folder


def write(folder: Path, text: str, name: str = "01_doubling.py") -> Path:
    path = folder / "lessons" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def build(folder: Path, *arguments: str) -> int:
    return build_notebooks.main(arguments, folder)


def load(folder: Path, name: str = "01_doubling"):
    return nbformat.read(folder / "notebooks" / f"{name}.ipynb", as_version=4)


def sources(notebook) -> str:
    return "\n".join(cell.source for cell in notebook.cells)


# Contents, without executing


def test_student_copy_has_every_cell_and_no_solution(repository):
    lesson = read_lesson(repository / "lessons" / "01_doubling.py")
    notebook = student_notebook(lesson)
    assert len(notebook.cells) - 1 == len(lesson.cells) == 6  # and the line above the set-up
    assert notebook.cells[4].source == (
        'def double(x):\n    """Doubles x."""\n'
        '    raise NotImplementedError("Exercise 01.1: replace this line")'
    )
    assert "SOLUTION" not in sources(notebook)


def test_code_after_the_solution_stays(repository):
    tail = "    # END SOLUTION\n\nprint(3)\n"
    path = write(repository, LESSON.replace("    # END SOLUTION\n", tail))
    assert student_notebook(read_lesson(path)).cells[4].source.endswith('line")\n\nprint(3)')


def test_booklet_has_setup_exercise_solution_and_check(repository):
    notebook = answer_notebook(read_lesson(repository / "lessons" / "01_doubling.py"))
    title, alone, setup, text, exercise, check = notebook.cells
    assert "No module named" in alone.source
    assert title.source.startswith("# Answers: 01 · Doubling")
    assert "(../01_doubling.ipynb)" in title.source
    assert (setup.metadata.tags, check.metadata.tags) == (["setup"], ["check"])
    assert exercise.source.endswith('"""Doubles x."""\n    twice = x + x\n    return twice')
    assert "(#there), [that](../02_x.ipynb) and [the web](https://example.org)" in text.source


def test_cell_ids_are_stable_unique_and_change_with_their_cell_only(repository):
    path = repository / "lessons" / "01_doubling.py"
    before = [cell.id for cell in student_notebook(read_lesson(path)).cells]
    write(repository, LESSON.replace("the notes", "some notes") + VERDICT)
    after = [cell.id for cell in student_notebook(read_lesson(path)).cells]
    assert after[1:7] == before[1:]
    assert after[0] != before[0]
    assert len(set(after)) == len(after) == 8


def test_lesson_without_exercise_gets_a_booklet_that_says_so(repository):
    path = write(repository, SETUP + VERDICT)
    assert "no exercises" in answer_notebook(read_lesson(path)).cells[0].source


# What a malformed lesson is told

MISTAKES = {
    "no end": ("    # END SOLUTION\n", "", 22, "`# END SOLUTION` but has 0"),
    "no begin": ("    # BEGIN SOLUTION\n", "", 22, "`# BEGIN SOLUTION` but has 0"),
    "outside function": ("    # END", "# END", 25, "the solution is outside double"),
    "indents": ("    # END", "     # END", 28, "indent the two markers alike"),
    "wrong order": ("    # BEGIN SOLUTION\n", "    # END SOLUTION\n", 22, "but has 0"),
    "empty": ("    twice = x + x\n    return twice\n", "", 25, "the solution is empty"),
    "outside": ('print("claim', '# END SOLUTION\nprint("claim', 34, "outside a cell with tags"),
    "no check": ('["check"]', '["setup"]', 22, 'add a cell tags=["check"]'),
    "lonely check": ("nbval-check-output", "check", 33, "directly under its exercise"),
    "wrong number": ('"01.1"', '"01.2"', 30, 'must call checks.run("01.1", double)'),
    "wrong function": ('1.1", double', '1.1", triple', 30, 'call checks.run("01.1", double)'),
    "unknown tag": ("nbval-check-output", "nbval", 33, "unknown tag 'nbval' on a code cell"),
    "misplaced tag": ("exercise-text", "setup", 17, "unknown tag 'setup' on a markdown cell"),
    "no docstring": ('    """Doubles x."""\n', "", 22, "one function with a docstring"),
    "syntax": ("twice = x + x", "twice = = x", 26, "invalid syntax"),
    "empty cell": ("from course_utils import numbers\n", "\n# %%\n", 6, "the cell is empty"),
    "tag twice": ('["check"]', '["check", "check"]', 30, "has the tag 'check' twice"),
    "tags twice": ('tags=["check"]', 'tags=["check"] tags=["setup"]', 30, "gives tags= twice"),
    "untitled": ("nbval-check-output", "measure", 33 + 1, "begin it with `# @title `"),
    "no title": ("# # 01", "# 01", 1, "`# ` and the title"),
    "no setup": (' tags=["setup"]', "", 1, 'no cell has tags=["setup"]'),
    "text first": ("# %% [markdown]\n# #", "x = 1\n# %% [markdown]\n# #", 1, "begin the file"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_malformed_lesson_is_named_with_its_line(tmp_path, mistake):
    old, new, line, message = MISTAKES[mistake]
    assert old in LESSON
    path = write(tmp_path, LESSON.replace(old, new, 1))
    with pytest.raises(LessonError, match=re.escape(message)) as caught:
        read_lesson(path)
    assert str(caught.value).startswith(f"lessons/01_doubling.py, line {line}: ")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\xef\xbb\xbf" + LESSON.encode(), "line 1: begins with a byte order mark"),
        (LESSON.encode() + b"# caf\xe9\n", "line 35: the byte 0xe9 is not UTF-8"),
    ],
)
def test_a_source_that_is_not_plain_utf8_is_named_with_its_line(tmp_path, content, says):
    path = write(tmp_path, "")
    path.write_bytes(content)
    with pytest.raises(LessonError, match=f"lessons/01_doubling.py, {says}"):
        read_lesson(path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"THREE = 3\ndef f(:\n", "course_utils/numbers.py, line 2: is not Python"),
        (b"THREE = 3  # caf\xe9\n", "course_utils/numbers.py, line 1: the byte 0xe9"),
    ],
)
def test_a_module_that_cannot_be_read_is_named_with_its_line(repository, capsys, content, says):
    assert build(repository) == 0
    (repository / "course_utils" / "numbers.py").write_bytes(content)
    for arguments in ((), ("--check",)):
        assert build(repository, *arguments) == 1
        assert says in capsys.readouterr().err


@pytest.mark.parametrize("name", ["1_short.py", "01-dash.py", "01_Upper.py", "utils.py", "01_.py"])
def test_bad_file_name(tmp_path, name):
    write(tmp_path, LESSON, name)
    with pytest.raises(LessonError, match="call it NN_slug.py"):
        find_lessons(tmp_path)


def test_two_lessons_with_one_number(repository):
    write(repository, LESSON, "01_other.py")
    with pytest.raises(LessonError, match="number 01 is taken by 01_doubling.py"):
        find_lessons(repository)


def test_no_lesson_at_all(tmp_path, capsys):
    assert build(tmp_path) == 1
    assert "no lessons/NN_slug.py" in capsys.readouterr().err


def test_unknown_lesson_lists_those_that_exist(repository, capsys):
    assert build(repository, "--only", "07") == 1
    error = capsys.readouterr().err
    assert "no lesson '07'" in error
    assert "01_doubling" in error


@pytest.mark.parametrize("wanted", ["01", "1", "01_doubling", "lessons/01_doubling.py"])
def test_lessons_are_chosen_by_number_or_name(repository, wanted):
    paths = [*find_lessons(repository), repository / "lessons" / "02_other.py"]
    assert build_notebooks.select(paths, [wanted]) == paths[:1]


# Executing


def test_build_carries_outputs_over_until_code_changes(repository, capsys, monkeypatch):
    monkeypatch.chdir(os.sep)  # a lesson runs from any working folder
    assert build(repository) == 0
    student, booklet = load(repository), load(repository, "answers/01_doubling")
    assert student.cells[-1].outputs[0].text == "claim holds: True\n"
    assert student.cells[5].outputs[0].text == "01.1 not attempted\n"
    assert booklet.cells[5].outputs[0].text == "01.1 passed\n"
    assert student.metadata.course.modules == ["course_utils", "course_utils.numbers"]
    assert set(student.metadata) == {"course", "kernelspec", "language_info"}
    assert "version" not in student.metadata.language_info
    assert not any("execution" in cell.metadata for cell in student.cells)
    assert build(repository, "--check") == 0
    capsys.readouterr()

    def refuse(*arguments):
        raise AssertionError("executed although no code changed")

    monkeypatch.setattr(build_notebooks, "execute", refuse)
    numbers = repository / "course_utils" / "numbers.py"
    numbers.write_text('"""Some numbers."""\n\nTHREE = 3  # of them\n', encoding="utf-8")
    assert build(repository) == 0
    assert capsys.readouterr().out.count("up to date") == 2
    write(repository, LESSON.replace("the notes", "some notes"))
    assert build(repository, "--check") == 1
    assert "differs in the source of cell 1: run `make lessons ONLY=01`" in capsys.readouterr().err
    assert build(repository) == 0
    assert load(repository).cells[-1].outputs == student.cells[-1].outputs
    assert "some notes" in load(repository).cells[0].source
    numbers.write_text("THREE = 1 + 2\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="executed"):
        build(repository)


def test_failing_cell_is_named_and_the_old_notebook_stays(repository, capsys):
    path = repository / "notebooks" / "01_doubling.ipynb"
    path.parent.mkdir()
    path.write_text("old", encoding="utf-8")
    write(repository, LESSON + "\n# %%\nprint(1)\n1 / 0\n")
    assert build(repository) == 1
    error = capsys.readouterr().err
    assert "notebooks/01_doubling.ipynb, cell 8 (`print(1)`)" in error
    assert "ZeroDivisionError: division by zero" in error
    assert path.read_text(encoding="utf-8") == "old"
    assert [file.name for file in path.parent.iterdir()] == ["01_doubling.ipynb"]


def test_solution_that_fails_its_check_is_refused(repository, capsys):
    write(repository, LESSON.replace("x + x", "x + 1"))
    assert build(repository) == 1
    error = capsys.readouterr().err
    assert "notebooks/answers/01_doubling.ipynb, cell 6" in error
    assert "does not pass its check: 01.1 differs" in error


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("import time\ntime.sleep(60)", "took longer than 1 s"),
        ("import os\nos._exit(1)", "the kernel died"),
        ("import pathlib\nprint(pathlib.Path().resolve())", "print a relative path"),
        ("object()", "which differs on every run"),
    ],
)
def test_cell_that_hangs_dies_or_prints_what_it_must_not(
    repository, capsys, monkeypatch, cell, message
):
    monkeypatch.setattr(execution, "CELL_TIMEOUT", 1)
    write(repository, SETUP.replace("from course_utils import numbers", "") + f"\n# %%\n{cell}\n")
    assert build(repository) == 1
    assert message in capsys.readouterr().err


def test_widgets_bars_and_warnings_leave_no_trace(repository):
    cells = (
        "\n# %%\nimport sys\nprint('trouble', file=sys.stderr)\nprint('shown')\n"
        "\n# %%\nimport ipywidgets\nipywidgets.VBox([ipywidgets.Label('frame')])\n"
        "\n# %%\nfrom tqdm.notebook import tqdm\nfor _ in tqdm(range(2)): pass\n"
    )
    write(repository, SETUP + cells)
    assert build(repository) == 0
    notebook = load(repository)
    printed, widget, bar = notebook.cells[-3:]
    assert [output.text for output in printed.outputs] == ["shown\n"]
    assert dict(widget.outputs[0].data) == {"text/plain": execution.WIDGET_NOTE}
    assert bar.outputs == []
    assert "widgets" not in notebook.metadata


# A learner's work


def solve(path: Path) -> None:
    """What a learner does in a tracked notebook: writes the answer, runs it, saves."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[4].source = "def double(x):\n    return 2 * x"
    notebook.cells[5].outputs[0].text = "01.1 passed\n"
    nbformat.write(notebook, path)


def test_what_a_learner_wrote_is_kept_and_no_output_of_it_stays(repository, capsys):
    assert build(repository) == 0
    path = repository / "notebooks" / "01_doubling.ipynb"
    for number in (1, 2):
        solve(path)
        solved = path.read_bytes()
        assert build(repository, "--check") == 1
        capsys.readouterr()
        assert build(repository) == 0
        kept = repository / "work" / f"01_doubling.replaced{number}.ipynb"
        assert f"kept as work/{kept.name}" in capsys.readouterr().out
        assert kept.read_bytes() == solved
        assert load(repository).cells[5].outputs[0].text == "01.1 not attempted\n"
    assert build(repository, "--check") == 0


def test_outputs_alone_that_are_not_the_builders_are_noticed(repository, capsys):
    assert build(repository) == 0
    path = repository / "notebooks" / "01_doubling.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[5].outputs[0].text = "01.1 passed\n"
    nbformat.write(notebook, path)
    capsys.readouterr()
    assert build(repository, "--check") == 1
    assert "was run or edited by hand: run `make lessons ONLY=01`" in capsys.readouterr().err


def test_what_somebody_works_in_is_not_tested_and_what_is_committed_is(repository):
    assert build(repository) == 0
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@y", "-c", "commit.gpgsign=false"]

    def run_git(*words: str) -> None:
        subprocess.run([*git, *words], cwd=repository, check=True, capture_output=True)

    run_git("init", "--quiet")
    run_git("add", "--all")
    run_git("commit", "--quiet", "--message=x")
    path = repository / "notebooks" / "01_doubling.ipynb"
    (repository / "notebooks" / "Untitled.ipynb").write_text("{", encoding="utf-8")
    both = [path, path.with_name("answers") / path.name]
    assert build_notebooks.to_test(repository) == (both, [])
    solve(path)
    assert build_notebooks.to_test(repository) == (both[1:], [path])
    run_git("commit", "--quiet", "--all", "--message=x")
    assert build_notebooks.to_test(repository) == (both, [])  # and fails, as it should


def test_a_measuring_cell_is_folded_and_not_in_the_booklet(repository):
    cell = '\n# %% tags=["measure"]\n# @title Measure the width\nprint("width")\n'
    lesson = read_lesson(write(repository, LESSON + cell))
    folded = student_notebook(lesson).cells[-1].metadata
    assert folded["jupyter"] == {"source_hidden": True}
    assert folded["cellView"] == "form"
    assert folded["tags"] == ["measure", "hide-input"]
    assert "width" not in sources(answer_notebook(lesson))


# Files


def test_orphan_is_reported(repository, capsys):
    build_notebooks.build(read_lesson(repository / "lessons" / "01_doubling.py"), repository)
    shutil.copy(
        repository / "notebooks" / "01_doubling.ipynb", repository / "notebooks" / "03_gone.ipynb"
    )
    nbformat.write(nbformat.v4.new_notebook(), repository / "notebooks" / "Untitled.ipynb")
    assert build(repository, "--check") == 1
    error = capsys.readouterr().err
    assert "notebooks/03_gone.ipynb has no lesson" in error
    assert "Untitled" not in error  # a learner's own


def test_broken_notebook_is_reported_and_not_carried_over(repository):
    path = write(repository, '{"cells": [', "../notebooks/01_doubling.ipynb")
    assert store.read(path) is None
    assert store.difference(student_notebook(read_lesson(find_lessons(repository)[0])), None)


def test_interrupted_write_keeps_the_old_notebook(repository, monkeypatch):
    notebook = student_notebook(read_lesson(repository / "lessons" / "01_doubling.py"))
    path = repository / "notebooks" / "01_doubling.ipynb"
    assert store.write(notebook, path)
    before = path.read_bytes()
    notebook.cells.pop()

    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        store.write(notebook, path)
    assert path.read_bytes() == before


def test_hash_ignores_comments_and_docstrings_but_no_code(repository):
    notebook = student_notebook(read_lesson(repository / "lessons" / "01_doubling.py"))
    module = repository / "course_utils" / "numbers.py"

    def mark(text):
        module.write_text(text, encoding="utf-8")
        return freshness.fingerprint(notebook, ["course_utils.numbers"], repository)

    same = {mark('def f(x):\n    """One."""\n    return x\n'), mark("def f(x): return x  # two\n")}
    assert len(same) == 1
    assert mark("def f(x): return -x\n") not in same
    assert mark("def f(x, *, y=None): return x\n") not in same
