"""Batches are a pure function of the seed and their number."""

from itertools import islice

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_utils.data import Batches, Windows


@given(data=st.data(), num=st.integers(1, 40), seed=st.integers(0, 2**40))
def test_an_epoch_uses_no_example_twice_and_keeps_pairs_together(data, num, seed):
    batch_size = data.draw(st.integers(1, num))
    batches = Batches(torch.arange(num), -torch.arange(num), batch_size=batch_size, seed=seed)
    per_epoch = num // batch_size
    for epoch in (0, 3):
        parts = [batches[epoch * per_epoch + k] for k in range(per_epoch)]
        seen = torch.cat([first for first, _ in parts])
        assert len(seen.unique()) == len(seen) == per_epoch * batch_size
        assert all(torch.equal(first, -second) for first, second in parts)


def test_batch_k_does_not_depend_on_what_was_asked_before():
    rows = torch.randn(50, 3)
    forward = [Batches(rows, batch_size=8, seed=5)[k] for k in range(40)]
    same = Batches(rows, batch_size=8, seed=5)
    for k in (39, 0, 17, 17, 5, 38, 6):
        assert torch.equal(same[k][0], forward[k][0])
    for k, (batch,) in enumerate(islice(same, 13)):
        assert torch.equal(batch, forward[k][0])


def test_epochs_and_seeds_differ_and_every_example_gets_its_turn():
    numbers = torch.arange(10)
    batches = Batches(numbers, batch_size=4, seed=0)
    first, second = (torch.cat([batches[2 * e][0], batches[2 * e + 1][0]]) for e in (0, 1))
    assert not torch.equal(first, second)
    assert not torch.equal(first[:4], Batches(numbers, batch_size=4, seed=1)[0][0])
    assert torch.cat([batches[k][0] for k in range(40)]).unique().tolist() == list(range(10))


def test_seed_and_number_are_not_interchangeable():
    tokens = torch.arange(10_000)
    draws = {
        (seed, k): tuple(Windows(tokens, 1, 4, seed)[k][0][:, 0].tolist())
        for seed in range(5)
        for k in range(5)
    }
    assert len(set(draws.values())) == 25


@given(num=st.integers(2, 60), data=st.data(), k=st.integers(0, 10**9), seed=st.integers(0, 2**33))
def test_windows_are_stretches_of_the_text(num, data, k, seed):
    context_length = data.draw(st.integers(1, num - 1))
    windows = Windows(torch.arange(num), context_length, batch_size=6, seed=seed)
    (batch,) = windows[k]
    assert batch.shape == (6, context_length + 1)
    assert batch.dtype == torch.int64
    assert (batch.diff(dim=1) == 1).all()
    assert torch.equal(batch, windows[k][0])
    assert torch.equal(batch, Windows(torch.arange(num), context_length, 6, seed)[k][0])


def test_windows_reach_both_ends_of_the_text_equally_often():
    windows = Windows(torch.arange(8), context_length=3, batch_size=5000)
    share = windows[0][0][:, 0].bincount() / 5000
    assert len(share) == 5
    assert (share - 0.2).abs().max() < 4 * (0.16 / 5000) ** 0.5


def test_moving_to_a_device_changes_nothing_else():
    batches = Batches(torch.arange(9), batch_size=2, seed=3)
    windows = Windows(torch.arange(9), 2, 2, seed=3)
    assert torch.equal(batches.to("cpu")[7][0], batches[7][0])
    assert torch.equal(windows.to("cpu")[7][0], windows[7][0])
    assert batches.to("meta")[0][0].device.type == "meta"
    assert windows.to("meta")[0][0].device.type == "meta"


def test_types_of_tokens_are_widened():
    assert Windows(torch.arange(9, dtype=torch.uint8), 2, 2)[0][0].dtype == torch.int64


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Batches(batch_size=1), "at least one tensor"),
        (lambda: Batches(torch.tensor(1), batch_size=1), "at least one tensor"),
        (lambda: Batches(torch.zeros(4), torch.zeros(5), batch_size=2), r"got \[4, 5\]"),
        (lambda: Batches(torch.zeros(4), batch_size=5), "Use a smaller batch or more data"),
        (lambda: Batches(torch.zeros(4), batch_size=0), "between 1 and"),
        (lambda: Windows(torch.arange(5), 5, 1), "takes context_length . 1 = 6 tokens"),
        (lambda: Windows(torch.arange(5), 0, 1), "must be at least 1; got 0 and 1"),
        (lambda: Windows(torch.zeros(5), 2, 1), "Tokenizer.encode"),
        (lambda: Windows(torch.arange(6).reshape(2, 3), 2, 1), r"\(2, 3\)"),
        (lambda: Windows(torch.tensor([True] * 5), 2, 1), "got torch.bool"),
        (lambda: Windows([1, 2, 3], 2, 1), "got list"),
        (lambda: Windows(torch.arange(5) - 1, 2, 1), "count from 0; got -1"),
        (lambda: Windows(torch.arange(5), 2, 1, seed=-1), "seed must be at least 0; got -1"),
        (lambda: Batches(torch.zeros(4), batch_size=2, seed=-1), "seed must be at least 0; got -1"),
        (lambda: Batches([[0.0], [1.0]], batch_size=1), "torch.tensor for lists"),
        (lambda: Batches(torch.zeros(4, 8, 8, dtype=torch.uint8), batch_size=2), "/ 127.5 - 1"),
    ],
)
def test_wrong_arguments_are_explained(make, says):
    with pytest.raises(ValueError, match=says):
        make()


def test_there_is_no_last_batch():
    with pytest.raises(IndexError, match="from 0 upwards; got -1"):
        Batches(torch.zeros(4), batch_size=2)[-1]
