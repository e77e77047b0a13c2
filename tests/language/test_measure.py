"""What is reported: losses of whole texts, and their units."""

import math

import pytest
import torch

from course_utils.language import (
    GPT,
    MLP,
    GPTConfig,
    NGram,
    bits_per_byte,
    next_token_loss,
    perplexity,
    text_loss,
)


def oracle(tokens):
    """Knows that 0, 1, 2, 0, ... goes on with probability 0.8."""
    logits = torch.full((*tokens.shape, 3), math.log(0.1))
    return logits.scatter(-1, ((tokens + 1) % 3)[..., None], math.log(0.8))


def test_the_loss_of_a_text_is_what_was_known():
    text = torch.arange(301) % 3
    for context_length, batch_size in ((50, 4), (7, 3)):
        loss = text_loss(oracle, text, context_length=context_length, batch_size=batch_size)
        assert loss == pytest.approx(-math.log(0.8), abs=1e-5)


def test_units():
    assert perplexity(math.log(7)) == pytest.approx(7)
    assert bits_per_byte(math.log(256), num_tokens=10, num_bytes=10) == pytest.approx(8)
    assert bits_per_byte(2 * math.log(2), num_tokens=10, num_bytes=40) == pytest.approx(0.5)


def test_a_text_is_read_once_from_start_to_end():
    # A model that looks at one token does not care where a window begins, so the loss of the text
    # is the mean over all its pairs: here 11 windows of 6, in calls of 4, 4 and 3, with 3 left.
    torch.manual_seed(0)
    bigram, text = torch.nn.Embedding(5, 5), torch.randint(5, (70,))
    nats = -bigram.weight.log_softmax(-1)[text[:-1], text[1:]]
    loss = text_loss(bigram, text, context_length=6, batch_size=4)
    assert loss == pytest.approx(nats[:66].mean().item(), rel=1e-5)


def awake_gpt(**sizes):
    torch.manual_seed(0)
    model = GPT(GPTConfig(5, num_layers=1, width=8, **sizes))
    torch.nn.init.normal_(model.logits.weight)
    return model


def test_a_gpt_is_read_in_its_own_windows_compiled_or_not():
    torch.compiler.reset()  # or it would give up compiling after other tests' models
    model, text = awake_gpt(context_length=16), torch.randint(5, (65,))
    own = text_loss(model, text)
    windows = torch.stack([text[start : start + 17] for start in (0, 16, 32, 48)])
    assert own == pytest.approx(next_token_loss(model, (windows,)).item(), rel=1e-5)
    compiled = torch.compile(model, backend="eager")
    assert text_loss(compiled, text) == pytest.approx(own, rel=1e-5)


@pytest.mark.parametrize("make", [lambda t: NGram(3, 5).fit(t), lambda _: MLP(5, num_previous=2)])
def test_models_that_look_back_two_tokens_are_read_in_windows_of_128(make):
    torch.manual_seed(0)
    text = torch.randint(5, (300,))
    model = make(text)
    expected = text_loss(model, text, context_length=128)
    assert text_loss(model, text) == pytest.approx(expected, rel=1e-6)
    assert text_loss(model, text, context_length=2) != pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda t: text_loss(oracle, t, context_length=300), "context_length=300 tokens; got 300"),
        (lambda t: text_loss(oracle, t, context_length=0), "context_length must be .* got 0"),
        (lambda t: text_loss(oracle, t, batch_size=0), "batch_size must be .* got 0"),
        (lambda t: text_loss(oracle, t[None]), r"shape \(N,\); got \(1, 300\)"),
        (lambda t: text_loss(oracle, t.int()), r"int32. Use tokens\.long"),
        (lambda t: bits_per_byte(1.0, 0, 5), "num_tokens must be .* got 0"),
        (lambda t: bits_per_byte(1.0, 5, 0), "num_bytes must be .* got 0"),
    ],
)
def test_what_cannot_be_measured_is_explained(ask, says):
    with pytest.raises(ValueError, match=says):
        ask(torch.arange(300) % 3)
