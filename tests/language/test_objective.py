import math

import pytest
import torch

from course_utils.language import (
    bits_per_byte,
    next_token_loss,
    perplexity,
    shift_targets,
    text_loss,
)


def oracle(tokens):
    """Knows that 0, 1, 2, 0, ... goes on with probability 0.8."""
    logits = torch.full((*tokens.shape, 3), math.log(0.1))
    return logits.scatter(-1, ((tokens + 1) % 3)[..., None], math.log(0.8))


def test_targets_come_after_their_inputs():
    inputs, targets = shift_targets(torch.tensor([[5, 6, 7, 8]]))
    assert inputs.tolist() == [[5, 6, 7]]
    assert targets.tolist() == [[6, 7, 8]]
    with pytest.raises(ValueError, match="two tokens"):
        shift_targets(torch.tensor([[5]]))


def test_losses_are_what_was_known():
    text = torch.arange(301) % 3
    assert next_token_loss(oracle, text[None]).item() == pytest.approx(-math.log(0.8), abs=1e-5)
    assert next_token_loss(oracle, (text[None],)).item() == pytest.approx(-math.log(0.8), abs=1e-5)
    for context_length, batch_size in ((50, 4), (7, 3)):
        loss = text_loss(oracle, text, context_length=context_length, batch_size=batch_size)
        assert loss == pytest.approx(-math.log(0.8), abs=1e-5)
    with pytest.raises(ValueError, match="more than context_length=300 tokens; got 300"):
        text_loss(oracle, text[:300], context_length=300)


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
