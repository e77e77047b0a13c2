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
