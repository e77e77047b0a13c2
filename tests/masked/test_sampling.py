"""Filling gaps: one at a time an exact model draws its language, in any order; at once not."""

from itertools import pairwise

import pytest
import torch
from test_masked import model
from tiny import MASK, PROBS, TEXTS, Exact, shares

from course_utils.masked import ORDERS, confident, left_to_right, sample
from course_utils.records import last

NUM = 20_000


def drawn(order, num_steps, **options):
    start = torch.full((NUM, 3), MASK)
    generator = torch.Generator().manual_seed(0)
    steps = sample(Exact(), start, num_steps=num_steps, order=order, generator=generator, **options)
    return last(steps).state


@pytest.mark.parametrize("name", ORDERS)
def test_one_token_a_pass_draws_the_language_in_any_order(name):
    found = shares(drawn(ORDERS[name], 3))
    assert found.tolist() == pytest.approx(PROBS.tolist(), abs=0.012)


def test_all_at_once_draws_each_token_for_itself():
    ones = (PROBS[:, None] * TEXTS).sum(0)  # of each place
    each = torch.where(TEXTS == 1, ones, 1 - ones).prod(1)
    found = shares(drawn(ORDERS["random"], 1))
    assert found.tolist() == pytest.approx(each.tolist(), abs=0.012)
    assert (each - PROBS).abs().max() > 0.05


def test_steps_count_passes_and_what_is_left():
    start = torch.full((2, 7), MASK)
    start[:, 3] = torch.tensor([0, 1])
    found = list(sample(Known7(), start, num_steps=4, generator=torch.Generator().manual_seed(0)))
    assert [step.calls for step in found] == [1, 2, 3, 4]
    gaps = [int((step.state[0] == MASK).sum()) for step in found]
    assert gaps == [4, 2, 1, 0]
    assert [step.t for step in found] == pytest.approx([4 / 6, 2 / 6, 1 / 6, 0])
    for earlier, later in pairwise(found):
        stood = earlier.state != MASK
        assert torch.equal(earlier.state[stood], later.state[stood])
    assert found[-1].state[:, 3].tolist() == [0, 1]


class Known7(torch.nn.Module):
    """Seven tokens; the further to the right, the surer of a 1."""

    mask_id = MASK

    def forward(self, tokens):
        sure = torch.linspace(0.55, 0.95, 7).expand(len(tokens), 7)
        return torch.stack([1 - sure, sure, torch.zeros_like(sure)], dim=-1).log()


@pytest.mark.parametrize(
    ("order", "places"), [(left_to_right, range(7)), (confident, range(6, -1, -1))]
)
def test_orders_find_what_they_say(order, places):
    steps = sample(Known7(), torch.full((3, 7), MASK), order=order)
    seen = torch.zeros(3, 7, dtype=torch.bool)
    for step, place in zip(steps, places, strict=True):
        new = (step.state != MASK) & ~seen
        assert new.nonzero()[:, 1].tolist() == [place] * 3
        seen |= new


def test_cold_takes_the_likeliest():
    steps = sample(Known7(), torch.full((2, 7), MASK), num_steps=1, temperature=0)
    assert (last(steps).state == 1).all()


def test_a_network_fills_a_gap_and_leaves_the_rest():
    found, start = model(), torch.tensor([[0, 5, 2, 5, 4]])
    state = last(sample(found, start, generator=torch.Generator().manual_seed(0))).state
    assert state[0, [0, 2, 4]].tolist() == [0, 2, 4]
    assert (state != 5).all()
    assert start.tolist() == [[0, 5, 2, 5, 4]]


def test_the_same_seed_fills_the_same():
    start = torch.full((4, 9), 5)
    first, second = (
        last(sample(model(), start, num_steps=3, generator=torch.Generator().manual_seed(2))).state
        for _ in range(2)
    )
    assert torch.equal(first, second)


@pytest.mark.parametrize(
    ("start", "options", "message"),
    [
        (torch.tensor([[0, 1]]), {}, "needs gaps"),
        (torch.tensor([[5, 1], [5, 5]]), {}, r"the same number in all; got \[1, 2\]"),
        (torch.tensor([[5, 5]]), {"num_steps": 3}, "at most 2 passes; got 3"),
        (torch.tensor([[5, 5]]), {"num_steps": 0}, "num_steps must be a whole number"),
        (torch.tensor([[5, 5]]), {"temperature": -1}, "temperature must be 0"),
        (torch.tensor([5, 5]), {}, r"must have shape \(B, T\)"),
    ],
)
def test_what_cannot_be_filled_is_refused_before_the_first_pass(start, options, message):
    with pytest.raises(ValueError, match=message):
        sample(model(), start, **options)


@pytest.mark.parametrize(
    "order",
    [lambda probs, _: probs[..., 0, 0], lambda probs, _: torch.full(probs.shape[:2], float("nan"))],
)
def test_an_order_that_is_none_is_refused(order):
    with pytest.raises(ValueError, match="an order gives a number for each"):
        last(sample(model(), torch.full((1, 4), 5), order=order))


@pytest.mark.parametrize("value", [-torch.inf, torch.inf, torch.nan])
def test_an_order_that_ranks_nothing_at_a_gap_is_refused(value):
    def order(probs, generator):
        return torch.full(probs.shape[:2], value)

    with pytest.raises(ValueError, match="NaN or infinite where a token is hidden"):
        list(sample(Exact(), torch.full((2, 3), MASK), order=order))


def test_an_order_may_count_in_whole_numbers():
    def order(probs, generator):
        return torch.arange(probs.shape[1]).expand(probs.shape[:2])

    first = next(iter(sample(Exact(), torch.full((2, 3), MASK), order=order)))
    assert (first.state[:, :2] == MASK).all()
    assert (first.state[:, 2] != MASK).all()
