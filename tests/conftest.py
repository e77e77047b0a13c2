"""What all tests share: one thread, no windows, no network, no clock."""

import os
from pathlib import Path

# Before anything imports torch, matplotlib or a library that would ask a server for a file.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TQDM_DISABLE", "1")

import pytest
from hypothesis import settings

# A slow machine is no failure, and a failure comes back on the next run.
settings.register_profile("course", deadline=None, derandomize=True, database=None)
settings.load_profile("course")


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return Path(__file__).resolve().parents[1]
