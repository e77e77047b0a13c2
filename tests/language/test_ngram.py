"""N-grams against counting with dictionaries."""

import math
from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.data import Grammar
from course_utils.language.ngram import NGram
from course_utils.language.tokenizer import WordTokenizer


def brute_force(text: list[int], vocab_size: int, strength: float, longest: int = 6):
    """The recursion of the docstring, word for word."""
    pieces = [(i, i + length) for i in range(len(text)) for length in range(1, longest + 1)]
    grams = Counter(tuple(text[i:j]) for i, j in pieces if j <= len(text))

    def prob(token: int, context: tuple[int, ...]) -> float:
        together = grams[(*context, token)]
        alone = sum(grams[(*context, other)] for other in range(vocab_size))
        shorter = prob(token, context[1:]) if context else 1 / vocab_size
        return (together + strength * shorter) / (alone + strength)

    return prob


@settings(deadline=None, max_examples=40)
@given(data=st.data(), order=st.integers(0, 5), strength=st.sampled_from([0.3, 1.0, 7.5]))
def test_probabilities_equal_counting_with_dictionaries(data, order, strength):
    vocab_size = data.draw(st.integers(1, 4))
    token = st.integers(0, vocab_size - 1)
    text = data.draw(st.lists(token, min_size=max(order, 1), max_size=40))
    asked = data.draw(st.lists(token, min_size=1, max_size=8))
    model = NGram(order, vocab_size, strength=strength).fit(torch.tensor(text))
    logits = model(torch.tensor([asked, asked[::-1]]))
    assert logits.shape == (2, len(asked), vocab_size)
    prob = brute_force(text, vocab_size, strength)
    for row, tokens in enumerate((asked, asked[::-1])):
        for place in range(len(tokens)):
            context = tuple(tokens[max(0, place + 2 - order) : place + 1]) if order > 1 else ()
            expected = [
                prob(token, context) if order else 1 / vocab_size for token in range(vocab_size)
            ]
            assert logits[row, place].exp().tolist() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("order", range(6))
def test_probabilities_sum_to_one_also_after_unseen_contexts(order):
    text = torch.randint(0, 500, (3000,), generator=torch.Generator().manual_seed(0))
    model = NGram(order, 1000).fit(text)
    asked = torch.randint(0, 1000, (4, 20), generator=torch.Generator().manual_seed(1))
    probs = model(asked).exp()
    assert torch.allclose(probs.sum(-1), torch.ones(4, 20), atol=1e-4)
    assert probs.min() > 0


def test_a_bigram_with_little_smoothing_is_the_table_of_counts():
    text = torch.tensor([0, 1, 0, 1, 0, 2, 0, 1])
    probs = NGram(2, 3, strength=1e-6).fit(text)(torch.tensor([[0, 1, 2]]))[0].exp()
    expected = torch.tensor([[0, 3 / 4, 1 / 4], [1, 0, 0], [1, 0, 0]])
    assert torch.allclose(probs, expected, atol=1e-5)


def test_only_the_last_tokens_matter_and_causality_holds():
    text = torch.randint(0, 5, (400,), generator=torch.Generator().manual_seed(0))
    model = NGram(3, 5).fit(text)
    tokens = torch.randint(0, 5, (2, 10), generator=torch.Generator().manual_seed(1))
    changed = tokens.clone()
    changed[:, 6] = (changed[:, 6] + 1) % 5
    differs = (model(tokens) != model(changed)).any(-1).any(0)
    assert differs.nonzero().flatten().tolist() == [6, 7]
    assert model.context_length == 2
    assert torch.equal(model(tokens[:, -2:])[:, -1], model(tokens)[:, -1])


def test_a_bigram_reaches_the_entropy_of_a_language_without_memory():
    grammar = Grammar({"s": "a <b>\n | c <d>\n [3]", "b": "x | y [3]", "d": "v | w [2]"})
    tokenizer = WordTokenizer.train("\n".join(grammar.vocabulary))
    train, fresh = (
        tokenizer.encode("\n" + "".join(grammar.sample(20_000, seed=seed))) for seed in (0, 1)
    )
    losses = []
    for order in range(4):
        model = NGram(order, tokenizer.vocab_size).fit(train)
        logits = model(fresh[None, :-1])[0]
        losses.append(torch.nn.functional.cross_entropy(logits, fresh[1:]).item())
    entropy = grammar.entropy() / grammar.expected_length()
    assert losses[0] == pytest.approx(math.log(tokenizer.vocab_size), rel=1e-5)
    assert losses[0] > losses[1] > losses[2]
    assert losses[2] == pytest.approx(entropy, rel=0.02)
    assert losses[3] == pytest.approx(entropy, rel=0.02)


def test_a_large_vocabulary_and_order_do_not_overflow():
    text = torch.randint(0, 50_000, (2000,), generator=torch.Generator().manual_seed(0))
    model = NGram(5, 50_000, strength=0.01).fit(text)
    assert model(text[None, :5])[0, -1].argmax() == text[5]


def test_it_is_a_module_with_buffers_and_without_parameters():
    model = NGram(2, 3).fit(torch.tensor([0, 1, 2]))
    assert not list(model.parameters())
    assert len(list(model.buffers())) == 6
    assert not model(torch.tensor([[0]])).requires_grad
    again = model.fit(torch.tensor([2, 2, 2, 2]))  # a second fit forgets the first
    assert again(torch.tensor([[2]])).argmax() == 2


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: NGram(-1, 3), ValueError, "order must be .* at least 0; got -1"),
        (lambda: NGram(2, 0), ValueError, "vocab_size must be .* at least 1; got 0"),
        (lambda: NGram(2.0, 3), ValueError, r"order must be a whole number.* got 2\.0"),
        (lambda: NGram(2, 3, strength=0), ValueError, "strength must be above 0"),
        (lambda: NGram(2, 3, strength=math.inf), ValueError, "finite; got inf"),
        (lambda: NGram(2, 3, strength=math.nan), ValueError, "finite; got nan"),
        (lambda: NGram(1, 3)(torch.zeros(1, 1).long()), RuntimeError, "Call fit"),
        (lambda: NGram(3, 3).fit(torch.tensor([0, 1])), ValueError, "T >= 3"),
        (lambda: NGram(1, 3).fit(torch.tensor([[0, 1]])), ValueError, r"got \(1, 2\)"),
        (lambda: NGram(1, 3).fit(torch.tensor([0, 3])), ValueError, r"0 \.\.\. 2; got 0 \.\.\. 3"),
        (lambda: NGram(1, 3).fit(torch.tensor([0.0])), ValueError, r"Use tokens.long\(\)"),
        (lambda: NGram(0, 3)(torch.tensor([[3]])), ValueError, r"got 3 \.\.\. 3"),
        (lambda: NGram(0, 3)(torch.tensor([1])), ValueError, r"shape \(B, T\)"),
    ],
)
def test_wrong_use_is_explained(make, error, says):
    with pytest.raises(error, match=says):
        make()


def test_nothing_is_impossible_however_long_the_context():
    # One exception in a periodic text: at each of 15 lengths its token loses a factor of 10,000,
    # and 10^-60 is less than float32 can hold.
    text = torch.arange(300) % 3
    odd = text[:60].clone()
    odd[40] = (odd[40] + 1) % 3
    logs = NGram(16, 3, strength=0.01).fit(text)(odd[None, :-1])[0]
    found = logs.gather(1, odd[1:, None])[:, 0]
    prob = brute_force(text.tolist(), 3, 0.01, longest=16)
    expected = [
        math.log(prob(int(odd[place + 1]), tuple(odd[max(0, place - 14) : place + 1].tolist())))
        for place in range(59)
    ]
    assert bool(logs.isfinite().all())
    assert min(expected) < -130
    torch.testing.assert_close(found, torch.tensor(expected), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("strength", [1e-300, 1e300])
def test_extreme_strengths_stay_finite(strength):
    logs = NGram(3, 3, strength=strength).fit(torch.arange(90) % 3)(torch.tensor([[0, 1, 1]]))
    assert bool(logs.isfinite().all())
    torch.testing.assert_close(logs.exp().sum(-1), torch.ones(1, 3))
