"""What is sure is found together: the rule, the distribution it keeps, what it refuses."""

import pytest
import torch
from tiny import MASK, PROBS, TEXTS, Exact, shares

from course_utils.masked import ExactMaskedLM, accept, sample_sure
from course_utils.records import last


def generator():
    return torch.Generator().manual_seed(0)


def test_the_sure_or_the_surest():
    sureness = torch.tensor([[0.9, 0.6, 0.95], [0.5, 0.7, 0.7], [0.99, 0.6, 0.8], [0.9, 0.9, 0.9]])
    probs = torch.stack([sureness, 1 - sureness], dim=-1)
    hidden = torch.tensor([[1, 1, 1], [1, 1, 1], [0, 1, 0], [0, 0, 0]]).bool()
    expected = torch.tensor([[1, 0, 1], [0, 1, 0], [0, 1, 0], [0, 0, 0]]).bool()
    assert torch.equal(accept(probs, hidden, 0.9), expected)


def test_at_threshold_1_the_exact_model_draws_its_language():
    gaps = torch.full((20_000, 3), MASK)
    found = last(sample_sure(Exact(), gaps, threshold=1.0, generator=generator())).state
    assert shares(found).tolist() == pytest.approx(PROBS.tolist(), abs=0.012)


def test_words_that_follow_from_others_cost_no_pass():
    copies = torch.tensor([[k] * 6 for k in range(4)])  # one choice, said six times
    model = ExactMaskedLM(copies, torch.tensor([0.25] * 4), 4)
    steps = list(sample_sure(model, torch.full((50, 6), 4), threshold=0.9, generator=generator()))
    assert [step.calls for step in steps] == [1, 2]
    assert [step.t for step in steps] == pytest.approx([5 / 6, 0])
    assert (steps[-1].state == steps[-1].state[:, :1]).all()
    hasty = last(sample_sure(model, torch.full((50, 6), 4), threshold=0.2, generator=generator()))
    assert hasty.calls == 1
    assert not (hasty.state == hasty.state[:, :1]).all(1).any()


def test_what_stands_stays_and_texts_end_at_their_own_time():
    gaps = torch.tensor([[1, MASK, 0], [MASK, MASK, MASK]])
    steps = list(sample_sure(Exact(), gaps, threshold=1.0, generator=generator()))
    assert steps[-1].calls == 3
    assert (steps[-1].state[0, [0, 2]] == torch.tensor([1, 0])).all()
    assert (steps[0].state[0] != MASK).all()


@pytest.mark.parametrize("threshold", [0.0, -0.5, 1.5, float("nan")])
def test_a_threshold_that_is_no_probability_is_refused(threshold):
    with pytest.raises(ValueError, match=r"threshold must lie in \(0, 1\]"):
        sample_sure(Exact(), torch.full((1, 3), MASK), threshold=threshold)


def test_no_gap_and_no_temperature_are_refused():
    with pytest.raises(ValueError, match="nothing to find"):
        sample_sure(Exact(), TEXTS)
    with pytest.raises(ValueError, match="temperature"):
        sample_sure(Exact(), torch.full((1, 3), MASK), temperature=-1.0)
