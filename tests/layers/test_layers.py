import math

import pytest
import torch
import torch.nn.functional as F

from course_utils.layers import (
    Attention,
    Block,
    KeyValues,
    attention,
    attention_weights,
    rotate,
    time_embedding,
)


@pytest.mark.parametrize("causal", [True, False])
def test_attention_by_hand_equals_torchs(causal):
    q, k, v = torch.randn(3, 2, 4, 17, 8, generator=torch.Generator().manual_seed(0))
    fused = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    torch.testing.assert_close(attention(q, k, v, causal=causal), fused, rtol=0, atol=1e-5)


@pytest.mark.parametrize("causal", [True, False])
def test_attention_layer_equals_torchs_multihead(causal):
    torch.manual_seed(0)
    layer, x = Attention(16, 4, causal=causal), torch.randn(3, 9, 16)
    theirs = torch.nn.MultiheadAttention(16, 4, bias=False, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(layer.qkv.weight)
        theirs.out_proj.weight.copy_(layer.project.weight)
    mask = torch.ones(9, 9).triu(1).bool() if causal else None
    expected, weights = theirs(x, x, x, attn_mask=mask, average_attn_weights=False)
    torch.testing.assert_close(layer(x), expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(layer.weights(x), weights, rtol=0, atol=1e-5)


def test_weights_are_causal_and_sum_to_one():
    q, k = torch.randn(2, 1, 2, 10, 4)
    weights = attention_weights(q, k, causal=True)
    torch.testing.assert_close(weights.sum(-1), torch.ones(1, 2, 10))
    assert float(weights.triu(1).abs().max()) == 0


@pytest.mark.parametrize("causal", [True, False])
def test_a_block_hides_the_future_only_when_causal(causal):
    torch.manual_seed(0)
    block, x = Block(16, 2, causal=causal), torch.randn(1, 8, 16)
    torch.nn.init.normal_(block.attention.project.weight)  # a block starts as the identity
    changed = x.clone()
    changed[:, 5] += 1
    moved = (block(x) - block(changed)).detach().abs().amax((0, 2))
    assert (float(moved[:5].max()) == 0) is causal
    assert float(moved[5:].min()) > 0


def test_uneven_heads_get_a_clear_error():
    with pytest.raises(ValueError, match="width=18, num_heads=4. Use width=20"):
        Attention(18, 4, causal=True)


def test_time_embedding_tells_times_apart():
    features = time_embedding(torch.linspace(0, 1, 200), 32)
    assert features.shape == (200, 32)
    assert float(features.abs().max()) <= 1
    distances = torch.cdist(features, features) + torch.eye(200) * 10
    assert float(distances.min()) > 0.1


def test_time_embedding_is_a_row_of_sines_then_of_cosines():
    # Eight wavelengths, each as many times the one before, from 2 pi / 1000 to 2 pi * 10.
    wavelengths = [2 * math.pi / 1000 * 10_000 ** (i / 7) for i in range(8)]
    times = [0.0, 0.01, 0.37, 1.0]
    expected = [
        [wave(2 * math.pi * t / length) for wave in (math.sin, math.cos) for length in wavelengths]
        for t in times
    ]
    features = time_embedding(torch.tensor(times), 16)
    torch.testing.assert_close(features, torch.tensor(expected), rtol=0, atol=2e-4)


def test_rotation_keeps_lengths_and_shows_distances_only():
    q, k = torch.randn(2, 1, 2, 20, 8, dtype=torch.float32)
    torch.testing.assert_close(rotate(q).norm(dim=-1), q.norm(dim=-1))
    here = rotate(q) @ rotate(k).mT
    later = rotate(q, start=300) @ rotate(k, start=300).mT
    torch.testing.assert_close(here, later, rtol=0, atol=1e-3)
    assert not torch.allclose(here, q @ k.mT, atol=0.1)


def test_rotation_is_the_textbook_matrix():
    # Su et al. 2021, equation 13: position m turns a pair by m times its speed.
    x = torch.tensor([1.0, 0.0]).expand(5, 2)
    m = torch.arange(5.0)
    torch.testing.assert_close(rotate(x), torch.stack([m.cos(), m.sin()], dim=1))


def test_a_full_cache_says_so():
    cache, new = KeyValues(3), torch.zeros(1, 1, 2, 4)
    cache.extend(new, new)
    with pytest.raises(ValueError, match="at most 3 tokens; got 4"):
        cache.extend(new, new)


def test_odd_heads_cannot_be_rotated():
    with pytest.raises(ValueError, match="must be even; got width / num_heads = 3. Use width=8"):
        Attention(6, 2, causal=True, rotary=True)
