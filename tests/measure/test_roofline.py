"""The roof by hand, the work of a pass against torch's own count, and what is refused."""

import pytest
import torch

from course_utils.diffusion import DiT
from course_utils.language import GPT, GPTConfig
from course_utils.measure import (
    CARDS,
    Machine,
    Sizes,
    count_parameters,
    crossing,
    diffusion_seconds,
    forward_flops,
    measured_machine,
    next_token_seconds,
)


def test_the_slower_of_two_and_where_they_are_level():
    machine = Machine("", operations=1e9, bandwidth=1e8)
    assert machine.ridge == 10
    assert machine.seconds(2e9, 1e8) == 2
    assert machine.seconds(1e9, 3e8) == 3
    assert machine.seconds(10 * 7, 7) == pytest.approx(7e-8)


def test_operations_are_those_that_torch_counts():
    net = GPT(GPTConfig(50, 64, num_layers=3, num_heads=2, width=48))
    used = count_parameters(net) - 50 * 48  # embeddings are looked up, not multiplied
    sizes = Sizes(used, 3, 48)
    for batch, tokens in ((1, 64), (4, 16)):
        counted = forward_flops(net, torch.zeros(batch, tokens).long())
        assert sizes.work(tokens, tokens, batch)[0] == pytest.approx(counted, rel=0.02)


def test_operations_of_a_diffusion_transformer_are_those_that_torch_counts():
    """Its modulation is used once an image; counted for each token the total is far too large."""
    net = DiT(width=48, num_layers=3, num_heads=2)  # 64 patches
    weights = count_parameters(net) - net.positions.numel()  # positions are added
    once = sum(p.numel() for n, p in net.named_parameters() if "modulation" in n or "time" in n)
    for batch in (1, 3):
        counted = forward_flops(net, torch.zeros(batch, 1, 16, 16), torch.full((batch,), 0.5))
        assert Sizes(weights, 3, 48, once=once).work(64, 64, batch)[0] == pytest.approx(
            counted, rel=0.02
        )
        assert Sizes(weights, 3, 48).work(64, 64, batch)[0] > 1.3 * counted


@pytest.mark.parametrize("once", [-1, 101, float("nan")])
def test_more_weights_used_once_than_there_are_is_refused(once):
    with pytest.raises(ValueError, match="from 0 to as many"):
        Sizes(100, 1, 2, once=once)


def test_bytes_of_a_pass_by_hand():
    sizes = Sizes(weights=1000, num_layers=2, width=8, bytes_each=4)
    assert sizes.work(1, 0, 1)[1] == 4000
    assert sizes.work(5, 10, 3)[1] == 4 * (1000 + 2 * 3 * 2 * 8 * 10)


def test_texts_and_diffusion_by_hand():
    sizes, machine = Sizes(100, 1, 2, 1), Machine("", 1e3, 1e9)  # arithmetic is the limit
    by_hand = sum(3 * (200 + 8 * k) / 1e3 for k in (1, 2, 3, 4))
    assert next_token_seconds(sizes, machine, 4, 3) == pytest.approx(by_hand)
    anew = sum(3 * k * (200 + 8 * k) / 1e3 for k in (1, 2, 3, 4))
    assert next_token_seconds(sizes, machine, 4, 3, cached=False) == pytest.approx(anew)
    at_once = 5 * 3 * 4 * (200 + 8 * 4) / 1e3
    assert diffusion_seconds(sizes, machine, 4, 3, calls=5) == pytest.approx(at_once)


def test_one_text_minds_memory_and_many_mind_arithmetic():
    sizes, card = Sizes(1e9, 24, 2048), CARDS["H200 SXM"]
    for tokens, batch, memory in ((1, 1, True), (1, 1000, False), (256, 1, False)):
        operations, moved = sizes.work(tokens, 0, batch)
        assert (operations / moved < card.ridge) == memory


@pytest.mark.parametrize("rates", [(0, 1e9), (1e9, -1), (float("nan"), 1)])
def test_a_machine_without_rates_is_refused(rates):
    with pytest.raises(ValueError, match="must be above 0"):
        Machine("", *rates)


def test_this_machine_has_rates():
    machine = measured_machine(repeats=1)
    assert machine.operations > 1e7
    assert machine.bandwidth > 1e6


def test_lines_cross_where_their_formulas_do():
    sizes = [1, 10, 100, 1000]
    rising, flat = [0.5 * n for n in sizes], [20.0] * 4
    assert crossing(sizes, rising, flat) == pytest.approx(40)
    assert crossing(sizes, flat, rising) == pytest.approx(40)
    assert crossing(sizes, rising, [n**0.5 for n in sizes]) == pytest.approx(4)
    assert crossing(sizes, flat, [21.0] * 4) is None
    assert crossing(sizes, flat, [20.0, 1, 1, 1]) == 1


@pytest.mark.parametrize(
    ("sizes", "first", "second"),
    [([], [], []), ([1, 2], [1, 2], [1]), ([1, 2], [1, 0], [1, 1]), ([0, 2], [1, 1], [1, 1])],
)
def test_costs_that_are_none_are_refused(sizes, first, second):
    with pytest.raises(ValueError, match="a cost above 0 for each size"):
        crossing(sizes, first, second)
