"""The contract of every built notebook. `make lessons` makes it hold."""

import re
from pathlib import Path

import nbformat
import pytest

import build_notebooks
from builder import store
from builder.execute import WIDGET_VIEW, text_of
from builder.exercise import solution_of
from builder.lesson import find_lessons, read_lesson

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "lessons").glob("*.py"))
LARGEST = 600_000  # bytes; GitHub stops showing notebooks not far above

each_lesson = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


def student(source: Path):
    return read(ROOT / "notebooks" / f"{source.stem}.ipynb")


def booklet(source: Path):
    return read(ROOT / "notebooks" / "answers" / f"{source.stem}.ipynb")


def read(path: Path):
    """A built notebook, unless somebody works in it here."""
    if build_notebooks.in_use(path):
        pytest.skip(f"{path.name} was run or edited here; git checkout {path.name} undoes it")
    return nbformat.read(path, as_version=4)


def code_cells(notebook, tag: str | None = None):
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [cell for cell in cells if tag is None or tag in cell.metadata.get("tags", [])]


def test_there_are_lessons_and_no_other_notebooks():
    assert find_lessons(ROOT)
    assert build_notebooks.orphans(ROOT) == []


@each_lesson
def test_notebooks_are_what_their_source_builds(source):
    for path, notebook in build_notebooks.built(read_lesson(source), ROOT):
        found = read(path)
        assert store.as_built(found), f"{path.name} was changed by hand: run `make lessons`"
        difference = store.difference(notebook, found)
        assert not difference, f"{path.name} {difference}: run `make lessons ONLY={source.stem}`"


@each_lesson
def test_every_cell_was_executed_in_order_and_without_error(source):
    for notebook in (student(source), booklet(source)):
        cells = code_cells(notebook)
        assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
        kinds = [output.output_type for cell in cells for output in cell.outputs]
        assert "error" not in kinds


@each_lesson
def test_claims_are_stored_and_compared(source):
    cells = code_cells(student(source), "nbval-check-output")
    assert cells, "no cell is tagged nbval-check-output: nothing would be compared"
    for cell in cells:
        assert cell.execution_count
        assert text_of(cell).strip(), f"nothing to compare under `{cell.source}`"
    assert not code_cells(booklet(source), "nbval-check-output")


@each_lesson
def test_measuring_cells_are_folded_with_their_output_in_sight(source):
    notebook = student(source)
    folded = [*code_cells(notebook, "measure"), *code_cells(notebook, "nbval-check-output")]
    assert folded
    for cell in folded:
        assert cell.metadata.jupyter.source_hidden  # JupyterLab, VS Code
        assert cell.metadata.cellView == "form"  # Colab
        assert "hide-input" in cell.metadata.tags  # the site
        assert "outputs_hidden" not in cell.metadata.jupyter
    for cell in code_cells(notebook):
        if not {"measure", "nbval-check-output"} & set(cell.metadata.get("tags", [])):
            assert "jupyter" not in cell.metadata
            assert "hide-input" not in cell.metadata.get("tags", [])


@each_lesson
def test_no_solution_in_the_student_copy_and_no_marker_in_either(source):
    text = "\n".join(cell.source for cell in student(source).cells)
    for cell in read_lesson(source).cells:
        if "exercise" in cell.tags:
            assert solution_of(cell.source)[1].strip() not in text
            assert f'NotImplementedError("Exercise {cell.exercise}' in text
    both = text + "\n".join(cell.source for cell in booklet(source).cells)
    assert not re.search("(BEGIN|END) SOLUTION", both)


@each_lesson
def test_checks_pass_in_the_booklet_and_wait_in_the_student_copy(source):
    exercises = [cell for cell in read_lesson(source).cells if "exercise" in cell.tags]
    for notebook, verdict in ((booklet(source), "passed"), (student(source), "not attempted")):
        checks = code_cells(notebook, "check")
        assert len(checks) == len(exercises)
        for cell in checks:
            assert verdict in text_of(cell).lower()


@each_lesson
def test_nothing_that_only_a_running_kernel_understands(source):
    for notebook in (student(source), booklet(source)):
        assert "widgets" not in notebook.metadata
        assert "version" not in notebook.metadata.language_info
        for cell in code_cells(notebook):
            assert "execution" not in cell.metadata
            for output in cell.outputs:
                assert WIDGET_VIEW not in output.get("data", {})
                assert output.get("name") != "stderr"


@each_lesson
def test_size_and_form(source):
    for path, _ in build_notebooks.built(read_lesson(source), ROOT):
        assert path.stat().st_size <= LARGEST, f"{path.name}: show fewer or smaller figures"
        nbformat.validate(nbformat.read(path, as_version=4))
