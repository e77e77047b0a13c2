"""Cross-attention: torch's own is the oracle, and padding changes nothing."""

import pytest
import torch

from course_utils.layers import Attention, CrossAttention, masked_attention, rotations


def parts(width=16, heads=4, asking=5, answering=9, batch=3):
    torch.manual_seed(0)
    layer = CrossAttention(width, heads)
    return layer, torch.randn(batch, asking, width), torch.randn(batch, answering, width)


def torchs(layer):
    """torch's layer with the weights of ours."""
    width = layer.query.in_features
    theirs = torch.nn.MultiheadAttention(width, layer.num_heads, bias=False, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([layer.query.weight, layer.key_value.weight]))
        theirs.out_proj.weight.copy_(layer.project.weight)
    return theirs


@pytest.mark.parametrize("padded", [False, True])
def test_it_is_torchs_multihead_attention(padded):
    layer, x, source = parts()
    seen = torch.arange(9) < torch.tensor([[9], [4], [1]]) if padded else None
    memory = layer.read(source, seen)
    hidden = None if seen is None else ~seen
    expected, weights = torchs(layer)(
        x, source, source, key_padding_mask=hidden, average_attn_weights=False
    )
    torch.testing.assert_close(layer(x, memory), expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(layer.weights(x, memory), weights, rtol=0, atol=1e-5)


def test_padding_changes_nothing_and_gets_no_weight():
    layer, x, source = parts()
    seen = torch.ones(3, 9, dtype=torch.bool)
    seen[1, 4:] = False
    memory = layer.read(source, seen)
    alone = layer(x[1:2], layer.read(source[1:2, :4]))
    torch.testing.assert_close(layer(x, memory)[1:2], alone, rtol=0, atol=1e-6)
    assert float(layer.weights(x, memory)[1, :, :, 4:].abs().max()) == 0
    changed = source.clone()
    changed[1, 4:] = 100
    assert torch.equal(layer(x, layer.read(changed, seen)), layer(x, memory))
    assert not torch.allclose(layer(x, layer.read(changed)), layer(x, layer.read(source)))


def test_every_query_sees_the_whole_source():
    layer, x, source = parts()
    changed = source.clone()
    changed[:, -1] += 1
    moved = layer(x, layer.read(source)) - layer(x, layer.read(changed))
    assert float(moved.abs().amax(-1).min()) > 0


@pytest.mark.parametrize("causal", [True, False])
def test_masked_self_attention_is_that_of_each_row_alone(causal):
    torch.manual_seed(0)
    layer, x = Attention(16, 2, causal=causal), torch.randn(3, 7, 16)
    lengths = [7, 3, 1]
    seen = torch.arange(7) < torch.tensor(lengths)[:, None]
    turns = rotations(7, 8, like=x)
    together = masked_attention(layer, x, turns, seen)
    for row, length in enumerate(lengths):
        alone = layer(x[row : row + 1, :length], turns[:length])
        torch.testing.assert_close(together[row, :length], alone[0], rtol=0, atol=1e-6)
    torch.testing.assert_close(masked_attention(layer, x, turns, None), layer(x, turns))


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda layer, x, s: CrossAttention(10, 4), "Use width=12"),
        (lambda layer, x, s: CrossAttention(16, 0), "num_heads must be a whole number"),
        (lambda layer, x, s: layer(x[:2], layer.read(s)), "each of the 2 rows needs a source"),
        (lambda layer, x, s: layer.weights(x[:1], layer.read(s)), "each of the 1 rows"),
        (lambda layer, x, s: layer.read(s[..., :8]), r"shape .B, S, 16.; got .3, 9, 8."),
        (lambda layer, x, s: layer.read(s, torch.ones(3, 9)), "seen must be bool"),
        (lambda layer, x, s: layer.read(s, torch.ones(9).bool()), r"of shape \(3, 9\)"),
        (lambda layer, x, s: layer.read(s, torch.eye(3, 9).bool() & (torch.arange(3) > 0)[:, None]),
         "source 0 is nothing but padding"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(act, words):
    with pytest.raises(ValueError, match=words):
        act(*parts())
