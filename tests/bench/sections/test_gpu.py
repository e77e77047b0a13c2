"""The section of a CUDA card, on a CPU and tiny."""

import pytest
import torch
from sections import gpu


def test_the_section_of_a_card_works_and_says_when_there_is_none(monkeypatch, capsys):
    monkeypatch.setattr(torch, "compile", lambda model, **_: model)  # it would take a minute
    tiny = gpu.Sizes((8, 8, 8), 2, 8, 1, 1, 8, 16, 2, matrix=8, seconds=0.001)
    found = gpu.measure(torch.device("cpu"), tiny)
    assert found["GPT, tokens/s"]["compiled"]["speed"] > 0
    assert found["generation"]["tokens/s, batch 64"] > 0
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RuntimeError, match="needs a CUDA card"):
        gpu.measure_section()
