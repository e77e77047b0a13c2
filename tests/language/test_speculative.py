"""Speculative decoding has the target's distribution, whatever the draft, and saves its calls."""

import itertools
import math

import pytest
import torch

from course_utils.language import GPT, MLP, Choice, GPTConfig, NGram, sample, speculate
from course_utils.language.sampling.speculative import judge
from course_utils.records import last

V = 4


def awake_gpt(seed=0, vocab_size=V, context_length=12, **changes):
    torch.manual_seed(seed)
    sizes = dict(num_layers=2, num_heads=2, width=16)
    model = GPT(GPTConfig(vocab_size, context_length=context_length, **(sizes | changes)))
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.35)
    return model


def ngram(order=2, vocab_size=V):
    text = torch.randint(vocab_size, (200,), generator=torch.Generator().manual_seed(3))
    return NGram(order, vocab_size).fit(text)


def surprise(counts, probs):
    """How many standard deviations chi-square lies above its mean, over cells that can occur."""
    expected = probs * counts.sum()
    assert not counts[probs == 0].any()
    cells = probs > 0
    chi = ((counts - expected)[cells] ** 2 / expected[cells]).sum()
    freedom = int(cells.sum()) - 1
    return float(chi - freedom) / math.sqrt(2 * freedom)


@torch.no_grad()
def exact(model, prompt, choice, length=3):
    """The probability (V ** length,) of every continuation under the settings."""
    probs = []
    for more in itertools.product(range(V), repeat=length):
        total, text = 1.0, list(prompt)
        for token in more:
            tokens = torch.tensor([text])
            total *= float(choice.probs(model(tokens)[:, -1], tokens)[0, token])
            text.append(token)
        probs.append(total)
    return torch.tensor(probs, dtype=torch.float64)


def counted(target, draft, settings, num_texts=1200, num_guesses=2):
    generator, counts = torch.Generator().manual_seed(0), torch.zeros(V**3, dtype=torch.float64)
    prompt = torch.tensor([[1, 2]])
    for _ in range(num_texts):
        steps = speculate(
            target,
            draft,
            prompt,
            num_guesses=num_guesses,
            max_new_tokens=3,
            generator=generator,
            **settings,
        )
        a, b, c = last(steps).state[0, 2:].tolist()
        counts[(a * V + b) * V + c] += 1
    return counts


@pytest.mark.parametrize(
    ("draft", "settings"),
    [
        (ngram(), {}),
        (awake_gpt(7, num_layers=1, width=8), {}),
        (awake_gpt(7, num_layers=1, width=8), dict(temperature=0.6, top_p=0.8)),
        (ngram(3), dict(temperature=1.5, top_k=3, repetition_penalty=1.4)),
    ],
    ids=["n-gram", "small gpt", "small gpt, filters", "n-gram, penalty"],
)
def test_the_distribution_is_the_targets(draft, settings):
    target = awake_gpt()
    probs = exact(target, [1, 2], Choice(**settings))
    assert surprise(counted(target, draft, settings), probs) < 5


def test_chi_square_sees_another_distribution():
    target, draft = awake_gpt(), awake_gpt(7, num_layers=1, width=8)
    probs = exact(draft, [1, 2], Choice())
    assert surprise(counted(target, draft, {}, 600), probs) > 20


def test_one_guess_accepted_or_not_has_the_targets_probabilities():
    target = torch.tensor([[0.1, 0.6, 0.3, 0.0], [0.25, 0.25, 0.25, 0.25]])
    draft = torch.tensor([[0.5, 0.2, 0.2, 0.1]])
    generator, counts = torch.Generator().manual_seed(0), torch.zeros(4, dtype=torch.float64)
    taken = 0
    for token in torch.multinomial(draft[0], 20_000, replacement=True, generator=generator):
        accepted, probs = judge(target, [draft], token[None], generator)
        taken += accepted
        if accepted:
            assert torch.equal(probs, target[1:])
        chosen = token if accepted else torch.multinomial(probs[0], 1, generator=generator)[0]
        counts[chosen] += 1
    assert surprise(counts, target[0].double()) < 5
    overlap = float(torch.minimum(target[0], draft[0]).sum())  # 0.5
    assert taken / 20_000 == pytest.approx(overlap, abs=4 * math.sqrt(0.25 / 20_000))


def test_the_target_as_its_own_draft_is_never_refused():
    model = awake_gpt(context_length=40)
    steps = list(speculate(model, model, torch.tensor([[1]]), num_guesses=4, max_new_tokens=25))
    assert len(steps) == 5
    assert all(step.prediction.num_accepted == 4 for step in steps)
    assert steps[-1].state.shape == (1, 26)


@pytest.mark.parametrize("use_cache", [True, False])
@pytest.mark.parametrize("num_guesses", [1, 3, 8])
@pytest.mark.parametrize(
    "draft", [ngram(3), awake_gpt(7, num_layers=1, width=8, context_length=9), MLP(V, 3)]
)
def test_greedy_is_greedy_token_for_token_past_the_context_too(draft, num_guesses, use_cache):
    target, prompt = awake_gpt(), torch.tensor([[1, 2, 3]])
    expected = last(sample(target, prompt, max_new_tokens=25, temperature=0)).state
    steps = speculate(
        target,
        draft,
        prompt,
        num_guesses=num_guesses,
        max_new_tokens=25,
        temperature=0,
        use_cache=use_cache,
    )
    assert torch.equal(last(steps).state, expected)


def test_a_target_that_is_not_causal_reads_each_beginning_by_itself():
    target, prompt = awake_gpt(causal=False), torch.tensor([[1, 2, 3]])
    expected = last(sample(target, prompt, max_new_tokens=20, temperature=0)).state
    steps = speculate(target, ngram(), prompt, max_new_tokens=20, temperature=0)
    assert torch.equal(last(steps).state, expected)


def test_the_text_ends_at_the_stop_token_wherever_it_comes():
    def counter(tokens):
        return 50.0 * torch.nn.functional.one_hot((tokens + 1) % 10, 10)

    for stop in (2, 3, 5, 6, 9):
        steps = speculate(
            counter, counter, torch.tensor([[1]]), num_guesses=3, temperature=0, stop=[stop, 0]
        )
        final = last(steps)
        assert final.state.tolist() == [list(range(1, stop + 1))]
        assert final.t == 0


def test_each_call_gives_what_was_accepted_and_one_more():
    length = 1
    steps = list(speculate(awake_gpt(), ngram(), torch.tensor([[1]]), max_new_tokens=30))
    for step in steps:
        added = step.state.shape[1] - length
        assert added == step.prediction.num_accepted + 1
        assert step.prediction.num_accepted <= len(step.prediction.tokens) <= 4
        assert step.prediction.probs.shape == (1, V)
        length = step.state.shape[1]
    assert (length, steps[-1].t) == (31, 0)
    assert [step.calls for step in steps] == list(range(1, len(steps) + 1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(num_guesses=0), "num_guesses must be a whole number, at least 1; got 0"),
        (dict(max_new_tokens=0), "max_new_tokens.*got 0"),
        (dict(top_p=0), "top_p is the share"),
        (dict(stop=7), r"stop must lie in 0 \.\.\. 3; got 7"),
        (dict(prompt=torch.zeros(2, 3, dtype=torch.long)), r"one text, prompt \(1, T\).*\(2, 3\)"),
        (dict(draft=ngram(2, 3)), "the same vocabulary; got 4 and 3 tokens"),
    ],
)
def test_wrong_arguments_get_a_clear_error(arguments, message):
    prompt = arguments.pop("prompt", torch.tensor([[1]]))
    draft = arguments.pop("draft", ngram())
    with pytest.raises(ValueError, match=message):
        next(speculate(awake_gpt(), draft, prompt, **arguments))


def test_what_stands_after_a_stop_token_was_not_accepted():
    model, length = awake_gpt(), 1
    text = last(
        speculate(model, model, torch.tensor([[1]]), max_new_tokens=10, temperature=0)
    ).state
    stop = int(text[0, 3])
    for step in speculate(
        model, model, torch.tensor([[1]]), num_guesses=8, temperature=0, stop=stop
    ):
        added = step.state.shape[1] - length
        assert step.prediction.num_accepted <= added
        length = step.state.shape[1]


def test_speculation_takes_no_padding():
    with pytest.raises(TypeError, match="speculate takes no 'mask'"):
        speculate(awake_gpt(), ngram(), torch.tensor([[1]]), mask=None)
