import contextlib
import math

import pytest
import torch

from course_utils.language import GPT, GPTConfig, next_probs, sample
from course_utils.records import last


def coin(tokens):
    """Token 1 with probability 0.75, whatever came before."""
    return torch.tensor([0.25, 0.75]).log().expand(*tokens.shape, 2)


PROMPT = torch.zeros(4000, 1, dtype=torch.long)


def test_tokens_have_the_models_probabilities():
    final = last(sample(coin, PROMPT, max_new_tokens=5, generator=torch.Generator().manual_seed(0)))
    share = final.state[:, 1:].float().mean().item()
    assert share == pytest.approx(0.75, abs=4 * math.sqrt(0.75 * 0.25 / 20_000))


def test_temperature_sharpens_and_zero_is_greedy():
    logits = torch.tensor([[1.0, 3.0, 2.0]])
    hot, plain, cold = (next_probs(logits, x)[0, 1].item() for x in (10.0, 1.0, 0.1))
    assert hot < plain < cold
    expected = torch.softmax(logits / 0.5, -1)
    torch.testing.assert_close(next_probs(logits, 0.5), expected)
    assert next_probs(logits, 0).tolist() == [[0, 1, 0]]
    greedy = last(sample(coin, PROMPT[:3], max_new_tokens=4, temperature=0)).state
    assert greedy[:, 1:].tolist() == [[1] * 4] * 3


def test_one_record_a_token():
    steps = list(sample(coin, PROMPT[:2], max_new_tokens=4))
    assert [step.calls for step in steps] == [1, 2, 3, 4]
    assert [step.state.shape[1] for step in steps] == [2, 3, 4, 5]
    assert steps[-1].t == 0
    torch.testing.assert_close(steps[0].prediction.sum(-1), torch.ones(2))


def test_same_seed_same_text_and_long_texts_fit_the_context():
    torch.manual_seed(0)
    model = GPT(GPTConfig(vocab_size=5, context_length=8, num_layers=1, num_heads=1, width=8))
    texts = [
        last(
            sample(
                model,
                torch.zeros(1, 1, dtype=torch.long),
                max_new_tokens=20,
                generator=torch.Generator().manual_seed(seed),
            )
        ).state
        for seed in (1, 1, 2)
    ]
    assert torch.equal(texts[0], texts[1])
    assert not torch.equal(texts[0], texts[2])
    assert texts[0].shape == (1, 21)


@pytest.mark.parametrize("temperature", [0, 1.0])
def test_the_cache_changes_no_text_not_even_past_the_context(temperature):
    torch.manual_seed(0)
    model = GPT(GPTConfig(vocab_size=7, context_length=12, num_layers=2, num_heads=2, width=16))
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.3)
    texts = [
        last(
            sample(
                model,
                torch.tensor([[1, 2, 3], [4, 5, 6]]),
                max_new_tokens=20,
                temperature=temperature,
                use_cache=use_cache,
                generator=torch.Generator().manual_seed(1),
            )
        ).state
        for use_cache in (True, False)
    ]
    assert torch.equal(*texts)
    assert len(set(texts[0][0].tolist())) > 2


def test_with_a_cache_each_token_is_read_once():
    model, read = GPT(GPTConfig(vocab_size=5, context_length=16, num_layers=1, width=8)), []
    model.blocks[0].register_forward_pre_hook(lambda _, given: read.append(given[0].shape[1]))
    last(sample(model, torch.zeros(1, 4, dtype=torch.long), max_new_tokens=6))
    assert read == [4, 1, 1, 1, 1, 1]


def test_a_model_that_has_written_can_still_be_trained():
    # Generation runs in inference mode, whose tensors must not reach training.
    model = GPT(GPTConfig(vocab_size=5, context_length=64, num_layers=1, num_heads=1, width=10))
    text = last(sample(model, torch.zeros(2, 4, dtype=torch.long), max_new_tokens=40))
    assert not text.state.is_inference()
    assert not text.prediction.is_inference()
    model(text.state).sum().backward()


def test_earlier_states_stay_what_they_were():
    steps = list(sample(coin, PROMPT[:3], max_new_tokens=5))
    for step in steps:
        assert torch.equal(step.state, steps[-1].state[:, : step.state.shape[1]])


@pytest.mark.parametrize(
    ("prompt", "arguments", "message"),
    [
        (PROMPT[0], {}, r"prompt must .*\(B, T\).*prompt\[None\]"),
        (PROMPT.int(), {}, r"int64; got torch\.int32. Use prompt\.long\(\)\.$"),
        (PROMPT.float(), {}, r"Use prompt\.long\(\)"),
        (PROMPT[:, :0], {}, "T >= 1"),
        (PROMPT, dict(max_new_tokens=0), "at least 1; got 0"),
        (PROMPT, dict(temperature=-1), "greedy.*got -1"),
        (PROMPT, dict(temperature=1e-9), "at least 1e-06.*got 1e-09"),
        (PROMPT, dict(temperature=math.nan), "got nan"),
        (PROMPT, dict(temperature=math.inf), "finite; got inf"),
        (PROMPT, dict(max_new_tokens=2.5), r"whole number.* got 2\.5"),
    ],
)
def test_wrong_arguments_get_a_clear_error(prompt, arguments, message):
    with pytest.raises(ValueError, match=message):
        next(sample(coin, prompt, **arguments))


def test_the_model_is_shown_the_end_of_a_long_text():
    seen = []

    def model(tokens):
        seen.append(tokens)
        return coin(tokens)

    model.context_length = 3
    final = last(sample(model, torch.tensor([[0, 1, 1, 0, 0]]), max_new_tokens=4)).state
    for end, tokens in enumerate(seen, start=5):
        assert torch.equal(tokens, final[:, end - 3 : end])


def awake_gpt(**changes):
    torch.manual_seed(0)
    sizes = dict(vocab_size=7, context_length=12, num_layers=2, num_heads=2, width=16)
    model = GPT(GPTConfig(**(sizes | changes)))
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.3)
    return model


def text(model, *, use_cache=True):
    steps = sample(
        model,
        torch.tensor([[1, 2, 3], [4, 5, 6]]),
        max_new_tokens=20,
        use_cache=use_cache,
        generator=torch.Generator().manual_seed(1),
    )
    return last(steps).state


def test_a_model_that_is_not_causal_writes_the_same_text_with_the_cache_asked_for_or_not():
    model = awake_gpt(causal=False)
    for p in model.parameters():
        torch.nn.init.normal_(p)  # so sure of itself that another view is another text
    assert torch.equal(text(model), text(model, use_cache=False))


@pytest.mark.parametrize("use_cache", [True, False])
def test_a_compiled_model_writes_the_same_text(use_cache):
    torch.compiler.reset()  # or it would give up compiling after other tests' models
    model = awake_gpt()
    compiled = torch.compile(model, backend="eager")
    assert torch.equal(text(compiled, use_cache=use_cache), text(model))


def test_what_is_handed_out_may_be_changed():
    model, prompt = awake_gpt(), torch.tensor([[1, 2, 3]])
    texts = []
    for spoil in (False, True):
        ours, generator = prompt.clone(), torch.Generator().manual_seed(1)
        new = []
        for step in sample(model, ours, max_new_tokens=20, generator=generator):
            new.append(int(step.state[0, -1]))
            if spoil:
                step.state.zero_()
                step.prediction.zero_()
                ours.zero_()
        texts.append(new)
    assert texts[0] == texts[1]


def test_probabilities_are_at_least_float32():
    logits = torch.zeros(1, 300, dtype=torch.bfloat16)
    assert next_probs(logits, 1.0).tolist() == [pytest.approx([1 / 300] * 300, rel=1e-6)]
    assert next_probs(logits.double(), 1.0).dtype == torch.float64
    assert next_probs(torch.tensor([[1.0, 0.0]]), 1e-6).tolist() == [[1, 0]]


# Stop tokens.


def counter(tokens):
    """Token n + 1 follows token n, from a vocabulary of 10 that goes round."""
    return 50.0 * torch.nn.functional.one_hot((tokens + 1) % 10, 10)


def test_a_row_ends_at_its_stop_token_and_the_loop_when_all_have():
    prompt = torch.tensor([[1], [3], [5]])
    steps = list(sample(counter, prompt, max_new_tokens=20, temperature=0, stop=[6, 4]))
    assert steps[-1].state.tolist() == [[1, 2, 3, 4], [3, 4, 4, 4], [5, 6, 6, 6]]
    assert (steps[-1].calls, steps[-1].t) == (3, 0)
    certain = torch.nn.functional.one_hot(steps[-1].state[:, -1], 10).float()
    torch.testing.assert_close(steps[-1].prediction, certain)
    one = last(sample(counter, prompt, max_new_tokens=20, temperature=0, stop=6)).state
    assert one[0].tolist() == [1, 2, 3, 4, 5, 6]


def test_a_stop_token_in_the_prompt_ends_nothing_and_one_that_never_comes_neither():
    prompt = torch.tensor([[6], [6]])
    steps = sample(counter, prompt, max_new_tokens=12, temperature=0, stop=6)
    assert last(steps).state.shape == (2, 11)
    never = last(sample(coin, PROMPT[:2], max_new_tokens=7, temperature=0, stop=0))
    assert never.state.shape == (2, 8)
    assert never.t == 0


def test_without_stop_tokens_the_same_text():
    model = awake_gpt()
    for stop in (None, [], torch.tensor([], dtype=torch.long)):
        steps = sample(model, torch.tensor([[1, 2]]), max_new_tokens=9, temperature=0, stop=stop)
        assert last(steps).state.shape == (1, 11)


@pytest.mark.parametrize("stop", ["\n", -1, 1.5, True, [1, None]])
def test_a_stop_token_is_a_token(stop):
    with pytest.raises(ValueError, match="stop must be a token or several"):
        sample(coin, PROMPT, stop=stop)


def test_a_stop_token_outside_the_vocabulary():
    with pytest.raises(ValueError, match=r"stop must lie in 0 \.\.\. 1; got 2"):
        next(sample(coin, PROMPT, stop=2))


# Filters, and logits that are no answer.


def test_filters_reach_the_loop():
    model = awake_gpt()
    prompt = torch.tensor([[1, 2], [3, 4]])
    for settings in (dict(top_k=2), dict(top_p=0.3), dict(min_p=0.5)):
        for step in sample(model, prompt, max_new_tokens=15, **settings):
            logits = model(step.state[:, :-1][:, -12:])[:, -1]
            torch.testing.assert_close(step.prediction, next_probs(logits, **settings))
            assert (step.prediction.gather(1, step.state[:, -1:]) > 0).all()


def test_the_penalty_sees_the_text_so_far_but_no_padding():
    flat = lambda tokens: torch.ones(*tokens.shape, 6)  # noqa: E731
    prompt, mask = torch.tensor([[0, 1], [3, 1]]), torch.tensor([[False, True], [True, True]])
    steps = sample(flat, prompt, max_new_tokens=4, temperature=0, repetition_penalty=2.0, mask=mask)
    assert last(steps).state[:, 2:].tolist() == [[0, 2, 3, 4], [0, 2, 4, 5]]


@pytest.mark.parametrize("temperature", [0, 1.0])
def test_a_model_that_says_nan_is_no_model(temperature):
    broken = lambda tokens: torch.full((*tokens.shape, 3), math.nan)  # noqa: E731
    with pytest.raises(ValueError, match="it said NaN"):
        next(sample(broken, PROMPT, temperature=temperature))


def test_more_than_the_vocabulary():
    with pytest.raises(ValueError, match="at most the number of tokens, 2; got 3"):
        next(sample(coin, PROMPT, top_k=3))


def test_the_text_so_far_is_kept_on_interrupt():
    calls = []

    def interrupted(tokens):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return counter(tokens)

    kept = None
    with contextlib.suppress(KeyboardInterrupt):
        for step in sample(interrupted, torch.tensor([[1]]), temperature=0):
            kept = step
    assert kept.state.tolist() == [[1, 2, 3, 4]]


# Prompts of unequal length.


def ragged():
    """Four prompts, padded with a token that means something elsewhere."""
    prompts = [[1, 2, 3, 4, 5], [3], [6, 0, 6], [5, 5, 4, 3]]
    tokens = torch.tensor([[2] * (5 - len(p)) + p for p in prompts])
    mask = torch.tensor([[False] * (5 - len(p)) + [True] * len(p) for p in prompts])
    return prompts, tokens, mask


class Plain(torch.nn.Module):
    """A model that knows no cache and no padding, but a context."""

    def __init__(self, model, context_length=4):
        super().__init__()
        self.model, self.context_length = model, context_length

    def forward(self, tokens):
        return self.model(tokens[:, -12:])


@pytest.mark.parametrize("use_cache", [True, False])
@pytest.mark.parametrize(
    "make",
    [
        awake_gpt,
        lambda: awake_gpt(positions=False),
        lambda: awake_gpt(causal=False),
        lambda: Plain(awake_gpt()),
    ],
    ids=["gpt", "no positions", "not causal", "plain"],
)
def test_a_padded_batch_says_what_each_prompt_alone_says_past_the_context_too(make, use_cache):
    model = make()
    prompts, tokens, mask = ragged()
    batch = last(
        sample(model, tokens, max_new_tokens=20, temperature=0, mask=mask, use_cache=use_cache)
    ).state
    for row, prompt in zip(batch.tolist(), prompts, strict=True):
        alone = last(sample(model, torch.tensor([prompt]), max_new_tokens=20, temperature=0)).state
        assert row[5 - len(prompt) :] == alone[0].tolist()


def test_padding_changes_no_probability():
    model = awake_gpt().double()
    _, tokens, mask = ragged()
    other = torch.where(mask, tokens, 6)
    runs = [
        [step.prediction for step in sample(model, t, max_new_tokens=20, temperature=0, mask=mask)]
        for t in (tokens, other)
    ]
    for one, another in zip(*runs, strict=True):
        torch.testing.assert_close(one, another, rtol=1e-12, atol=1e-12)


def test_a_mask_without_padding_is_no_mask():
    model, prompt = awake_gpt(), torch.tensor([[1, 2, 3]])
    kwargs = dict(max_new_tokens=20, temperature=0)
    masked = last(sample(model, prompt, mask=torch.ones_like(prompt).bool(), **kwargs)).state
    assert torch.equal(masked, last(sample(model, prompt, **kwargs)).state)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        ([[1, 1]], r"bool and of the prompt's shape \(1, 2\).*got torch.int64"),
        ([[True]], r"shape \(1, 2\).*got torch.bool, \(1, 1\)"),
        ([[True, False]], "padding must stand before the text"),
        ([[False, False]], "each row needs a token"),
    ],
)
def test_masks_that_are_no_left_padding(mask, message):
    with pytest.raises(ValueError, match=message):
        sample(coin, torch.zeros(1, 2, dtype=torch.long), mask=torch.tensor(mask))


@pytest.mark.parametrize("batch", [1, 2, 5])
@pytest.mark.parametrize("length", [1, 5, 11, 12, 30])
def test_cache_and_no_cache_agree_for_every_shape_of_batch(batch, length):
    model = awake_gpt()
    generator = torch.Generator().manual_seed(batch + 10 * length)
    prompt = torch.randint(7, (batch, length), generator=generator)
    texts = [
        last(sample(model, prompt, max_new_tokens=15, temperature=0, use_cache=use)).state
        for use in (True, False)
    ]
    assert torch.equal(*texts)


def test_arguments_that_are_no_tensors_get_a_clear_error():
    with pytest.raises(ValueError, match=r"prompt must be a tensor \(B, T\); got list"):
        sample(coin, [[0]])
    with pytest.raises(ValueError, match="mask must be a bool tensor; got list"):
        sample(coin, PROMPT, mask=[[True]])
    with pytest.raises(ValueError, match="generator must be .* got 5"):
        sample(coin, PROMPT, generator=5)
    with pytest.raises(ValueError, match="padding must stand before"):
        awake_gpt().make_cache(torch.tensor([[True, False]]))
    with pytest.raises(ValueError, match="mask must be bool"):
        awake_gpt().make_cache(torch.tensor([[0, 1]]))


def test_a_stop_token_may_be_a_tensor():
    model = awake_gpt()
    texts = [
        last(sample(model, torch.tensor([[1, 2]]), max_new_tokens=9, temperature=0, stop=stop))
        for stop in (3, torch.tensor(3), torch.tensor([3]))
    ]
    assert all(torch.equal(text.state, texts[0].state) for text in texts)
