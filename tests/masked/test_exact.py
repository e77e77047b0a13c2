"""The exact masked model: Bayes' rule by hand, its bound is the entropy, what it refuses."""

import math

import pytest
import torch
from tiny import MASK, PROBS, TEXTS, Exact

from course_utils.data import Grammar
from course_utils.masked import ExactMaskedLM, exact_bound, text_bound
from course_utils.recipes import ways


def exact():
    return ExactMaskedLM(TEXTS, PROBS, MASK)


def test_it_is_the_conditional_of_every_state():
    states = torch.tensor([[a, b, c] for a in range(3) for b in range(3) for c in range(3)])
    found, true = exact()(states).exp(), Exact()(states).exp()
    gaps = states == MASK
    assert torch.allclose(found[gaps], true[gaps], atol=1e-5)
    assert found.sum(-1).allclose(torch.ones(27, 3), atol=1e-5)
    stands = found[~gaps].argmax(-1)
    assert torch.equal(stands, states[~gaps])


def test_its_bound_is_the_surprise_of_the_text():
    for text, prob in zip(TEXTS, PROBS, strict=True):
        assert exact_bound(exact(), text).item() == pytest.approx(-math.log(prob), abs=1e-4)


def test_what_fits_nothing_takes_the_nearest():
    texts, probs = torch.tensor([[0, 0, 0, 1], [1, 1, 1, 0]]), torch.tensor([0.2, 0.8])
    found = ExactMaskedLM(texts, probs, 2)(torch.tensor([[0, 0, 1, 2]])).exp()
    assert found[0, 3].tolist() == pytest.approx([0, 1, 0], abs=1e-6)


def test_probabilities_are_normalised_and_the_stories_cost_their_entropy():
    doubled = ExactMaskedLM(TEXTS, 2 * PROBS, MASK)
    gaps = torch.full((1, 3), MASK)
    assert torch.allclose(doubled(gaps), exact()(gaps))
    told = ways.said(1500, seed=0)
    bound = text_bound(ways.exact(), told, num_draws=8, generator=torch.Generator().manual_seed(0))
    assert (bound + ways.true_log_probs(told)).mean().abs().item() < 0.15


@pytest.mark.parametrize(
    ("texts", "probs", "mask_id", "message"),
    [
        (TEXTS, PROBS[:-1], MASK, "one for each of 8 texts"),
        (TEXTS, PROBS - 0.02, MASK, "must be above 0"),
        (TEXTS, PROBS, 1, "a token that no text holds"),
        (TEXTS, PROBS, -1, "a token that no text holds"),
        (TEXTS.float(), PROBS, MASK, "must be int64"),
    ],
)
def test_a_language_that_is_none_is_refused(texts, probs, mask_id, message):
    with pytest.raises(ValueError, match=message):
        ExactMaskedLM(texts, probs, mask_id)


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (torch.full((1, 2), MASK), "has 3 tokens; got 2"),
        (torch.full((1, 4), MASK), "context"),
        (torch.full((1, 3), 7), r"must lie in 0 \.\.\. 2"),
    ],
)
def test_other_texts_are_refused(tokens, message):
    with pytest.raises(ValueError, match=message):
        exact()(tokens)


def test_a_text_that_holds_the_mask_is_refused():
    with pytest.raises(ValueError, match="the mask: give whole texts"):
        exact().check_text(torch.tensor([[0, MASK, 1]]))


def test_all_sentences_of_a_grammar_are_told_once_with_their_probability():
    grammar = Grammar({"s": "a <b> [3] | b a | a a", "b": "a | b"})
    found = grammar.sentences()
    assert found == pytest.approx({"a a": 0.3 + 0.2, "a b": 0.3, "b a": 0.2})
    assert sum(found.values()) == pytest.approx(1)
    for sentence, prob in found.items():
        assert grammar.log_prob(sentence) == pytest.approx(math.log(prob))


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"s": "a <s> | b"}, "comes back inside itself"),
        ({"s": "<d> <d> <d>", "d": "0 | 1 | 2"}, "more than 20 sentences"),
        ({"s": " | ".join(f"w{k}" for k in range(30))}, "more than 20 sentences"),
    ],
)
def test_a_grammar_that_says_too_much_is_refused(rules, message):
    with pytest.raises(ValueError, match=message):
        Grammar(rules).sentences(20)
