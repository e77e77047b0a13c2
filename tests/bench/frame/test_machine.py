"""The machine: what the numbers depend on, and nothing that names anyone."""

import psutil
from frame.machine import machine


def test_the_machine_has_no_names():
    known = {"cpu", "cores", "memory_gb", "system", "python", "torch", "gpu"}
    assert set(machine()) == known
    total = psutil.virtual_memory().total
    assert abs(machine()["memory_gb"] * 1e9 - total) < 1e8
