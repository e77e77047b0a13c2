"""Which part of the package may import which, and what importing it costs."""

import ast
import importlib
import json
import pkgutil
import subprocess
import sys
from inspect import ismodule
from pathlib import Path

import pytest

import course_utils

PACKAGE = Path(course_utils.__file__).parent
PARTS = sorted(
    path.stem
    for path in PACKAGE.iterdir()
    if path.stem != "__init__" and path.suffix in ("", ".py") and not path.name.startswith("_")
    if path.name != "weights"  # a folder of files, no code
)
MAY_IMPORT = {
    "records": set(),
    "marks": set(),
    "progress": {"marks", "notebook"},
    "layers": set(),
    "data": set(),
    "training": {"records"},
    "measure": {"records"},
    "diffusion": {"layers", "records"},
    "language": {"layers", "records"},
    "masked": {"diffusion", "language", "layers", "records"},
    "multimodal": {"data", "diffusion", "language", "layers", "measure", "records"},
    "recipes": {
        "data",
        "diffusion",
        "language",
        "masked",
        "measure",
        "multimodal",
        "records",
        "training",
    },
    "exercises": set(PARTS) - {"notebook", "progress"},
    "notebook": set(PARTS) - {"exercises", "progress"},
}
ONLY_FOR_NOTEBOOKS = {"matplotlib", "IPython", "ipywidgets"}


def imported(part):
    """Names of all modules that the files of a part import, at any depth of a function."""
    root = PACKAGE / part
    for path in sorted(root.rglob("*.py")) if root.is_dir() else [root.with_suffix(".py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (name.name for name in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path} imports relatively"
                yield from (f"{node.module}.{name.name}" for name in node.names)


def test_every_part_has_its_rule():
    assert set(PARTS) == set(MAY_IMPORT)


@pytest.mark.parametrize("part", PARTS)
def test_imports_point_one_way(part):
    names = [name.split(".") for name in imported(part)]
    siblings = {name[1] for name in names if name[0] == "course_utils"} - {part, "__version__"}
    assert siblings <= MAY_IMPORT[part]
    if part != "notebook":
        assert not {name[0] for name in names} & ONLY_FOR_NOTEBOOKS


def test_no_module_is_hidden_by_a_name_that_its_package_exports():
    for found in pkgutil.walk_packages(course_utils.__path__, "course_utils."):
        if found.ispkg:
            package = importlib.import_module(found.name)
            modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
            hidden = [n for n in modules if not ismodule(getattr(package, n, course_utils))]
            assert not hidden, f"{found.name}: {hidden}"


def test_importing_the_package_loads_nothing_heavy():
    script = (
        "import sys, json, torch; before = set(sys.modules);"
        "import course_utils, course_utils.diffusion, course_utils.language, course_utils.data;"
        "import course_utils.training, course_utils.measure;"
        "print(json.dumps(sorted({name.split('.')[0] for name in set(sys.modules) - before})))"
    )
    output = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    heavy = {"matplotlib", "IPython", "ipywidgets", "pandas", "sklearn", "scipy", "mlxtend"}
    assert not heavy & set(json.loads(output))
