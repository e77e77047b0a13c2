import math

import pytest
import torch

from course_utils.language import next_token_loss, shift_targets


def oracle(tokens):
    """Knows that 0, 1, 2, 0, ... goes on with probability 0.8."""
    logits = torch.full((*tokens.shape, 3), math.log(0.1))
    return logits.scatter(-1, ((tokens + 1) % 3)[..., None], math.log(0.8))


def test_targets_come_after_their_inputs():
    inputs, targets = shift_targets(torch.tensor([[5, 6, 7, 8]]))
    assert inputs.tolist() == [[5, 6, 7]]
    assert targets.tolist() == [[6, 7, 8]]


def test_the_loss_is_what_was_known():
    text = torch.arange(301) % 3
    assert next_token_loss(oracle, (text[None],)).item() == pytest.approx(-math.log(0.8), abs=1e-5)


@pytest.mark.parametrize(
    ("dtype", "kept"),
    [(torch.bfloat16, torch.float32), (torch.float32,) * 2, (torch.float64,) * 2],
)
def test_the_loss_is_at_least_float32(dtype, kept):
    # Of 300 equal logits each has probability 1 / 300, which bfloat16 rounds by a thousandth.
    loss = next_token_loss(
        lambda tokens: torch.zeros(*tokens.shape, 300, dtype=dtype), (torch.tensor([[1, 2]]),)
    )
    assert loss.dtype == kept
    assert loss.item() == pytest.approx(math.log(300), rel=1e-6)


@pytest.mark.parametrize(
    ("batch", "says"),
    [
        (torch.zeros(2, 5).long(), r"a tuple \(tokens,\); got a tensor. Write \(tokens,\)"),
        ((torch.zeros(2, 5).long(), torch.zeros(2)), "got 2 entries"),
        ((), "got 0 entries"),
        ((torch.zeros(2, 1).long(),), "two tokens"),
        ((torch.zeros(5).long(),), r"got \(5,\)"),
        ((torch.zeros(2, 5).int(),), r"int32. Use tokens\.long"),
    ],
)
def test_what_is_no_batch_is_explained(batch, says):
    with pytest.raises(ValueError, match=says):
        next_token_loss(oracle, batch)
