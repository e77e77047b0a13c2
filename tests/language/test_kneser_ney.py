"""Kneser-Ney against counting with dictionaries."""

from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.language import KneserNey, NGram


def brute_force(text: list[int], vocab_size: int, order: int, discount: float):
    """The recursion of the docstring, word for word."""
    often = Counter(tuple(text[i : i + order]) for i in range(len(text) - order + 1))
    different: dict[tuple[int, ...], set[int]] = {}
    for length in range(1, order):
        for i in range(len(text) - length + 1):
            before = different.setdefault(tuple(text[i : i + length]), set())
            if i:
                before.add(text[i - 1])

    def count(gram: tuple[int, ...]) -> int:
        if len(gram) == order:
            return often[gram]
        return max(1, len(different[gram])) if gram in different else 0

    def prob(token: int, context: tuple[int, ...]) -> float:
        shorter = prob(token, context[1:]) if context else 1 / vocab_size
        counts = [count((*context, other)) for other in range(vocab_size)]
        if not sum(counts):
            return shorter
        own = max(counts[token] - discount, 0)
        return (own + discount * sum(c > 0 for c in counts) * shorter) / sum(counts)

    return prob


@settings(deadline=None, max_examples=40)
@given(data=st.data(), order=st.integers(1, 5), discount=st.sampled_from([0.2, 0.75, 0.95]))
def test_probabilities_equal_counting_with_dictionaries(data, order, discount):
    vocab_size = data.draw(st.integers(1, 4))
    token = st.integers(0, vocab_size - 1)
    text = data.draw(st.lists(token, min_size=order, max_size=40))
    asked = data.draw(st.lists(token, min_size=1, max_size=8))
    model = KneserNey(order, vocab_size, discount=discount).fit(torch.tensor(text))
    logits = model(torch.tensor([asked]))[0]
    prob = brute_force(text, vocab_size, order, discount)
    for place in range(len(asked)):
        context = tuple(asked[max(0, place + 2 - order) : place + 1]) if order > 1 else ()
        expected = [prob(token, context) for token in range(vocab_size)]
        assert logits[place].exp().tolist() == pytest.approx(expected, rel=1e-4)


def test_probabilities_sum_to_one_also_after_unseen_contexts():
    text = torch.randint(0, 500, (3000,), generator=torch.Generator().manual_seed(0))
    model = KneserNey(4, 1000).fit(text)
    asked = torch.randint(0, 1000, (4, 20), generator=torch.Generator().manual_seed(1))
    probs = model(asked).exp()
    assert torch.allclose(probs.sum(-1), torch.ones(4, 20), atol=1e-4)
    assert probs.min() > 0


def test_a_token_that_always_follows_the_same_one_is_not_expected_elsewhere():
    # 0 stands six times, always after 1; 2 stands three times, after 3, 4 and 5. 6 is new.
    text = torch.tensor([1, 0] * 6 + [3, 2, 4, 2, 5, 2, 6])
    after_new = torch.tensor([[6]])
    counted = NGram(2, 7, strength=0.5).fit(text)(after_new)[0, -1]
    assert counted[0] > counted[2]
    ours = KneserNey(2, 7).fit(text)(after_new)[0, -1]
    assert ours[2] > ours[0]


@pytest.mark.parametrize("discount", [0, 1, -0.1, float("nan")])
def test_a_discount_outside_its_range_is_refused(discount):
    with pytest.raises(ValueError, match="discount must lie between 0 and 1"):
        KneserNey(3, 5, discount=discount)
