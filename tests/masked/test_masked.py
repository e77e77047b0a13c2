"""Hiding, the loss and its bound: enumeration, an exact model, the order of all orders."""

import math
from itertools import permutations

import pytest
import torch
from tiny import MASK, PROBS, TEXTS, Exact
from torch import nn

from course_utils.language import GPT, GPTConfig
from course_utils.masked import MaskedLM, exact_bound, mask_tokens, masked_loss, text_bound


def model(seed=0, vocab_size=6, length=16):
    torch.manual_seed(seed)
    net = GPT(GPTConfig(vocab_size, length, num_layers=2, num_heads=2, width=16, causal=False))
    for p in net.parameters():  # outputs start at zero
        nn.init.normal_(p, std=0.4)
    return MaskedLM(net, vocab_size - 1)


def test_each_token_is_hidden_with_probability_t():
    tokens = torch.zeros(4, 20_000, dtype=torch.long)
    times = torch.tensor([0.0, 0.25, 0.8, 1.0])
    masked, hidden = mask_tokens(tokens, times, 7, generator=torch.Generator().manual_seed(0))
    assert hidden.float().mean(1).tolist() == pytest.approx(times.tolist(), abs=0.01)
    assert torch.equal(masked == 7, hidden)
    assert not masked[~hidden].any()
    assert not tokens.any()


def test_one_time_serves_all_and_a_seed_repeats():
    tokens = torch.arange(60).view(3, 20)
    first, second = (
        mask_tokens(tokens, 0.5, 99, generator=torch.Generator().manual_seed(1)) for _ in range(2)
    )
    assert torch.equal(first[0], second[0])
    assert 10 < first[1].sum() < 50


@pytest.mark.parametrize(
    ("tokens", "t", "message"),
    [
        (torch.zeros(4).long(), 0.5, r"must have shape \(B, T\)"),
        (torch.zeros(4, 2), 0.5, "must be int64"),
        (torch.zeros(4, 2).long(), torch.zeros(3), r"t must have shape \(4,\)"),
        (torch.zeros(4, 2).long(), 1.5, r"t must lie in \[0, 1\]"),
        (torch.zeros(4, 2).long(), float("nan"), r"t must lie in \[0, 1\]"),
    ],
)
def test_what_cannot_be_hidden_is_refused(tokens, t, message):
    with pytest.raises(ValueError, match=message):
        mask_tokens(tokens, t, 9)


def test_the_mask_is_never_the_answer_and_both_sides_are_seen():
    found = model()
    tokens = torch.tensor([[0, 1, 5, 3, 4]])
    logits = found(tokens)
    assert (logits[..., 5] == -math.inf).all()
    for place in (0, 4):
        other = tokens.clone()
        other[0, place] = 2
        assert (found(other)[0, 2, :5] - logits[0, 2, :5]).abs().max() > 1e-4


@pytest.mark.parametrize(
    ("net", "mask_id", "message"),
    [
        (GPTConfig(6, 8, num_heads=2, width=16), 5, "causal=False"),
        (GPTConfig(6, 8, num_heads=2, width=16, causal=False), 6, "mask_id must be a token"),
        (GPTConfig(6, 8, num_heads=2, width=16, causal=False), -1, "mask_id must be a token"),
        (GPTConfig(6, 8, num_heads=2, width=16, causal=False), 2.0, "mask_id must be a token"),
    ],
)
def test_a_network_that_cannot_serve_is_refused(net, mask_id, message):
    with pytest.raises(ValueError, match=message):
        MaskedLM(GPT(net), mask_id)


def test_the_exact_bound_is_the_mean_over_all_orders():
    found, text = model(), torch.tensor([3, 0, 2, 1])
    by_order = []
    for order in permutations(range(4)):
        tokens, total = torch.full((4,), 5), 0.0
        for place in order:
            logs = found(tokens[None])[0, place].log_softmax(-1)
            total -= logs[text[place]].item()
            tokens[place] = text[place]
        by_order.append(total)
    mean = sum(by_order) / len(by_order)
    assert exact_bound(found, text).item() == pytest.approx(mean, abs=1e-4)
    likelihood = sum(math.exp(-loss) for loss in by_order) / len(by_order)
    assert mean > -math.log(likelihood)  # Jensen: a bound from above


def test_the_loss_is_the_bound_in_expectation():
    found, text = model(), torch.tensor([[3, 0, 2, 1]])
    torch.manual_seed(0)
    with torch.no_grad():
        losses = [masked_loss(found, (text.expand(500, -1),)) for _ in range(40)]
    expected = exact_bound(found, text[0]).item() / 4
    assert torch.stack(losses).mean().item() == pytest.approx(expected, rel=0.02)


def test_the_quiet_estimate_agrees_and_is_quieter():
    found, text = model(), torch.tensor([[3, 0, 2, 1]]).expand(64, -1)
    expected = exact_bound(found, text[0]).item()
    generator = torch.Generator().manual_seed(0)
    quiet = text_bound(found, text, num_draws=40, generator=generator)
    assert quiet.mean().item() == pytest.approx(expected, rel=0.02)
    torch.manual_seed(0)
    with torch.no_grad():
        loud = torch.stack([4 * masked_loss(found, (text,)) for _ in range(40)])
    once = [text_bound(found, text, num_draws=1, generator=generator).mean() for _ in range(40)]
    assert torch.stack(once).std() < loud.std()


@pytest.mark.parametrize("place", range(8))
def test_who_knows_the_language_pays_exactly_its_surprise(place):
    bound = exact_bound(Exact(), TEXTS[place])
    assert bound.item() == pytest.approx(-math.log(PROBS[place]), abs=1e-5)


def test_no_model_pays_less_than_the_entropy_on_average():
    entropy = -(PROBS * PROBS.log()).sum().item()
    exact = sum(p * exact_bound(Exact(), text) for p, text in zip(PROBS, TEXTS, strict=True))
    other = model(vocab_size=3)
    worse = sum(p * exact_bound(other, text) for p, text in zip(PROBS, TEXTS, strict=True))
    assert exact.item() == pytest.approx(entropy, abs=1e-5)
    assert worse > entropy


def test_training_learns_a_language():
    torch.manual_seed(0)
    net = GPT(GPTConfig(3, 3, num_layers=1, num_heads=2, width=16, causal=False))
    found = MaskedLM(net, MASK)
    optimizer = torch.optim.Adam(found.parameters(), 0.01)
    for _ in range(300):
        texts = TEXTS[torch.multinomial(PROBS, 256, replacement=True)]
        optimizer.zero_grad()
        masked_loss(found, (texts,)).backward()
        optimizer.step()
    entropy = -(PROBS * PROBS.log()).sum().item()
    paid = sum(p * exact_bound(found, text) for p, text in zip(PROBS, TEXTS, strict=True)).item()
    assert entropy < paid < entropy + 0.06


def test_a_text_that_holds_the_mask_is_refused():
    found, text = model(), torch.tensor([[3, 0, 5, 1]])
    with pytest.raises(ValueError, match="holds token 5, the mask"):
        masked_loss(found, (text,))
    with pytest.raises(ValueError, match="holds token 5, the mask"):
        text_bound(found, text, generator=torch.Generator())


@pytest.mark.parametrize("shape", [(13,), (0,), (1, 3)])
def test_the_exact_bound_is_for_short_texts(shape):
    with pytest.raises(ValueError, match="one text of 1 to 12 tokens"):
        exact_bound(model(), torch.zeros(shape, dtype=torch.long))
