"""Filters on logits: against plain loops, at their borders, and what they refuse."""

import math

import pytest
import torch

from course_utils.language import (
    Choice,
    keep_min_p,
    keep_top_k,
    keep_top_p,
    next_probs,
    penalise_repetition,
    scale_temperature,
)

INF = math.inf


def logits_of(*probs):
    return torch.tensor(probs).log()


def random_logits(rows=50, size=30):
    return 3 * torch.randn(rows, size, generator=torch.Generator().manual_seed(0))


def kept(logits):
    return [set(torch.isfinite(row).nonzero()[:, 0].tolist()) for row in logits]


def likeliest_first(row):
    return sorted(range(len(row)), key=lambda i: -row[i])


def nucleus_by_loop(row, p):
    probs, total, chosen = row.double().softmax(0).tolist(), 0.0, set()
    for token in likeliest_first(probs):
        chosen.add(token)
        total += probs[token]
        if total >= p:
            return chosen
    return chosen


def test_each_filter_keeps_what_a_loop_keeps_and_changes_nothing_of_it():
    logits = random_logits()
    for k in (1, 7, 30):
        expected = [set(likeliest_first(row.tolist())[:k]) for row in logits]
        assert kept(keep_top_k(logits, k)) == expected
    for p in (0.05, 0.5, 0.95, 1.0):
        assert kept(keep_top_p(logits, p)) == [nucleus_by_loop(row, p) for row in logits]
    for p in (0.0, 0.1, 0.6, 1.0):
        expected = [
            {i for i, q in enumerate(row) if q >= p * max(row)}
            for row in logits.softmax(1).tolist()
        ]
        assert kept(keep_min_p(logits, p)) == expected
    for filtered in (keep_top_k(logits, 5), keep_top_p(logits, 0.7), keep_min_p(logits, 0.2)):
        stays = torch.isfinite(filtered)
        assert torch.equal(filtered[stays], logits[stays])


def test_the_nucleus_at_its_border():
    logits = logits_of(0.25, 0.5, 0.125, 0.125)
    assert kept(keep_top_p(logits[None], 0.5)) == [{1}]
    assert kept(keep_top_p(logits[None], 0.51)) == [{0, 1}]
    assert kept(keep_top_p(logits[None], 0.8)) == [{0, 1, 2}]  # of two equal ones, the first
    assert kept(keep_top_p(logits[None], 1e-9)) == [{1}]


def test_the_whole_vocabulary_survives_p_of_one_although_sums_are_rounded():
    logits = torch.zeros(1, 100_000)
    assert torch.isfinite(keep_top_p(logits, 1.0)).all()


def test_ties_with_the_last_of_the_top_k_stay():
    assert kept(keep_top_k(torch.tensor([[1.0, 3.0, 1.0, 0.0]]), 2)) == [{0, 1, 2}]


def test_removed_tokens_stay_removed():
    logits = torch.tensor([[0.0, -INF, 1.0, -INF]])
    for filtered in (keep_top_k(logits, 3), keep_top_p(logits, 0.99), keep_min_p(logits, 0.0)):
        assert kept(filtered) == [{0, 2}]
    once = keep_top_p(random_logits(), 0.6)
    assert torch.equal(keep_top_k(once, 30), once)


def test_temperature():
    logits = random_logits()
    torch.testing.assert_close(scale_temperature(logits, 0.5), 2 * logits)
    assert kept(scale_temperature(torch.tensor([[1.0, 2.0, 2.0]]), 0)) == [{1}]
    assert scale_temperature(logits.bfloat16(), 2.0).dtype == torch.float32


def test_penalty_by_loop_and_without_padding():
    logits, tokens = random_logits(3, 6), torch.tensor([[0, 0, 2], [5, 1, 1], [3, 4, 0]])
    expected = logits.clone()
    for row, seen in zip(expected, ({0, 2}, {5, 1}, {3, 4, 0}), strict=True):
        for token in seen:
            row[token] = row[token] / 1.5 if row[token] > 0 else row[token] * 1.5
    torch.testing.assert_close(penalise_repetition(logits, tokens, 1.5), expected)
    mask = torch.tensor([[False, False, True]] * 3)
    alone = penalise_repetition(logits, tokens[:, -1:], 1.5)
    assert torch.equal(penalise_repetition(logits, tokens, 1.5, mask), alone)


def test_settings_are_applied_in_order():
    logits, tokens = random_logits(5), torch.arange(20).reshape(5, 4)
    choice = Choice(repetition_penalty=1.3, temperature=0.7, top_k=9, top_p=0.9, min_p=0.05)
    by_hand = penalise_repetition(logits, tokens, 1.3)
    by_hand = keep_min_p(keep_top_p(keep_top_k(by_hand / 0.7, 9), 0.9), 0.05)
    torch.testing.assert_close(choice.probs(logits, tokens), by_hand.softmax(-1))
    torch.testing.assert_close(
        next_probs(logits, 0.7, top_k=9), keep_top_k(logits / 0.7, 9).softmax(-1)
    )


def test_filters_never_remove_the_likeliest_so_greedy_is_greedy():
    logits = random_logits()
    choice = Choice(temperature=0, top_k=3, top_p=0.01, min_p=1.0)
    assert torch.equal(choice.probs(logits).argmax(-1), logits.argmax(-1))
    assert torch.equal(choice.probs(logits).amax(-1), torch.ones(50))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(temperature=-0.1), r"temperature must be 0.*got -0\.1"),
        (dict(temperature=math.nan), "got nan"),
        (dict(temperature="1"), "got '1'"),
        (dict(temperature=None), "got None"),
        (dict(top_p=True), "got True"),
        (dict(min_p=True), "got True"),
        (dict(top_k=0), "top_k must be a whole number, at least 1.*got 0"),
        (dict(top_k=2.0), r"whole number.*got 2\.0"),
        (dict(top_k=True), "got True"),
        (dict(top_p=0.0), "above 0 and at most 1; got 0.*temperature=0"),
        (dict(top_p=1.1), r"at most 1; got 1\.1"),
        (dict(top_p=math.nan), "got nan"),
        (dict(min_p=-0.1), r"from 0 to 1; got -0\.1"),
        (dict(min_p=1.01), r"from 0 to 1; got 1\.01"),
        (dict(min_p="0.1"), "from 0 to 1; got '0.1'"),
        (dict(repetition_penalty=0), "above 0 and finite.*got 0"),
        (dict(repetition_penalty=INF), "got inf"),
    ],
)
def test_settings_outside_their_range(settings, message):
    with pytest.raises(ValueError, match=message):
        Choice(**settings)


def test_functions_refuse_what_the_settings_refuse():
    logits = torch.zeros(1, 4)
    for function, value in ((keep_top_k, 0), (keep_top_p, 0), (keep_min_p, 2)):
        with pytest.raises(ValueError, match="must be|is the"):
            function(logits, value)
    with pytest.raises(ValueError, match="at most the number of tokens, 4; got 5. Leave it out"):
        keep_top_k(logits, 5)
    with pytest.raises(ValueError, match="repetition_penalty must be"):
        penalise_repetition(logits, torch.zeros(1, 1, dtype=torch.long), -1.0)
    with pytest.raises(ValueError, match=r"needs the text so far: give tokens \(B, T\)"):
        Choice(repetition_penalty=1.2).probs(logits)


@pytest.mark.parametrize("temperature", [0, 1.0])
@pytest.mark.parametrize(
    ("said", "message"),
    [
        ([0.0, math.nan, 1.0], "it said NaN"),
        ([0.0, INF, 1.0], "it said inf"),
        ([-INF, -INF, -INF], "it said -inf for all tokens. At least one"),
    ],
)
def test_logits_that_are_no_answer(temperature, said, message):
    logits = torch.tensor([[0.0, 1.0, 2.0], said])
    with pytest.raises(ValueError, match=message):
        next_probs(logits, temperature)


@pytest.mark.parametrize("said", [[0.0, math.nan, 1.0], [0.0, INF, 1.0], [-INF, -INF, -INF]])
def test_each_filter_refuses_logits_that_are_no_answer(said):
    for function, value in ((keep_top_k, 2), (keep_top_p, 0.5), (keep_top_p, 1), (keep_min_p, 0.1)):
        with pytest.raises(ValueError, match="it said"):
            function(torch.tensor([said]), value)


def test_a_temperature_too_cold_for_the_logits_is_an_error():
    with pytest.raises(ValueError, match="it said inf"):
        next_probs(torch.tensor([[1e33, 9e32, 0.0]]), 1e-6)


@pytest.mark.parametrize(
    ("tokens", "mask", "message"),
    [
        ([[0]], None, r"a text for each row; got \(2, 4\) and \(1, 1\)"),
        ([[0], [9]], None, r"tokens must lie in 0 \.\.\. 3; got 0 \.\.\. 9"),
        ([[0, 1], [1, 2]], [[True, True], [True, False]], "padding must stand before"),
        ([[0, 1], [1, 2]], [[1.0, 1.0], [1.0, 1.0]], "mask must be bool"),
    ],
)
def test_the_penalty_wants_a_text_for_each_row(tokens, mask, message):
    mask = None if mask is None else torch.tensor(mask)
    with pytest.raises(ValueError, match=message):
        penalise_repetition(torch.zeros(2, 4), torch.tensor(tokens), 1.2, mask)
    with pytest.raises(ValueError, match="tokens must be int64"):
        penalise_repetition(torch.zeros(2, 4), torch.zeros(2, 1, dtype=torch.int32), 1.2)
