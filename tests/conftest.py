"""What all tests share: one thread, no windows, no network, no clock."""

import os
import shutil
from pathlib import Path

# Before anything imports torch, matplotlib or a library that would ask a server for a file.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TQDM_DISABLE", "1")

import pytest
from hypothesis import settings

for name in [name for name in os.environ if name.startswith("COURSE_")]:
    del os.environ[name]  # a test says itself which tier, mode and folder it means

# A slow machine is no failure, and a failure comes back on the next run.
settings.register_profile("course", deadline=None, derandomize=True, database=None)
settings.load_profile("course")


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture
def clone(tmp_path: Path, root: Path) -> Path:
    """Another copy of the course without its lessons, in a folder with a space and an accent."""
    folder = tmp_path / "cours d'été"
    ignored = shutil.ignore_patterns("__pycache__", "*.safetensors")
    shutil.copytree(root / "course_utils", folder / "course_utils", ignore=ignored)
    for name in ("lessons", "notebooks"):
        (folder / name).mkdir()
    (folder / "pyproject.toml").touch()
    return folder
