import copy
import math

import pytest
import torch
import torch.nn.functional as F
from torch.nn.attention.bias import causal_lower_right

from course_utils.layers import (
    Attention,
    Block,
    KeyValues,
    attention,
    attention_weights,
    rotate,
    rotations,
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
    q, k = torch.randn(2, 1, 2, 20, 8)
    turns = rotations(320, 8, like=q)
    torch.testing.assert_close(rotate(q, turns[:20]).norm(dim=-1), q.norm(dim=-1))
    here = rotate(q, turns[:20]) @ rotate(k, turns[:20]).mT
    later = rotate(q, turns[300:]) @ rotate(k, turns[300:]).mT
    torch.testing.assert_close(here, later, rtol=0, atol=1e-3)
    assert not torch.allclose(here, q @ k.mT, atol=0.1)


def textbook(x):
    """Su et al. 2021, equation 13, in float64: position m turns pair i by m times its speed."""
    length, width = x.shape
    out = x.double().clone()
    for m in range(length):
        for i in range(width // 2):
            angle = m * 1024 ** -(i / max(width // 2 - 1, 1))
            matrix = torch.tensor(
                [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]],
                dtype=torch.float64,
            )
            out[m, 2 * i : 2 * i + 2] = matrix @ out[m, 2 * i : 2 * i + 2]
    return out


@pytest.mark.parametrize(
    ("dtype", "error"), [(torch.float64, 1e-12), (torch.float32, 1e-4), (torch.bfloat16, 2e-2)]
)
def test_rotation_is_the_textbook_matrix_in_the_precision_of_x(dtype, error):
    x = torch.randn(200, 6, dtype=torch.float64).to(dtype)
    turned = rotate(x, rotations(200, 6, like=x))
    assert turned.dtype == dtype
    torch.testing.assert_close(turned.double(), textbook(x), rtol=0, atol=error)


def test_rotation_does_not_hang_on_the_default_type_of_an_earlier_call():
    x, before = torch.randn(9, 6), torch.get_default_dtype()
    expected = rotate(x, rotations(9, 6, like=x))
    try:
        torch.set_default_dtype(torch.float64)
        other = rotate(x, rotations(9, 6, like=x))
    finally:
        torch.set_default_dtype(before)
    assert other.dtype == torch.float32
    assert torch.equal(other, expected)


def test_a_full_cache_says_so():
    cache, new = KeyValues(3), torch.zeros(1, 1, 2, 4)
    cache.extend(new, new)
    with pytest.raises(ValueError, match="at most 3 tokens; got 4"):
        cache.extend(new, new)


@pytest.mark.parametrize(("num_queries", "num_keys"), [(1, 9), (4, 9), (9, 9)])
def test_fewer_queries_than_keys_are_the_last_ones(num_queries, num_keys):
    generator = torch.Generator().manual_seed(0)
    q = torch.randn(2, 3, num_queries, 8, generator=generator)
    k, v = torch.randn(2, 2, 3, num_keys, 8, generator=generator)
    bias = causal_lower_right(num_queries, num_keys)
    fused = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    assert attention_weights(q, k, causal=True).shape == (2, 3, num_queries, num_keys)
    torch.testing.assert_close(attention(q, k, v, causal=True), fused, rtol=0, atol=1e-5)


def test_attention_by_hand_is_what_the_cache_does():
    torch.manual_seed(0)
    layer, x = Attention(16, 4, causal=True), torch.randn(3, 9, 16)
    q, k, v = layer.split(x)
    cache = KeyValues(9)
    layer(x[:, :5], None, cache)
    mixed = attention(q[:, :, 5:], k, v, causal=True).transpose(1, 2).flatten(2)
    expected = layer.project(mixed)
    torch.testing.assert_close(layer(x[:, 5:], None, cache), expected, rtol=0, atol=1e-5)


def test_causal_queries_without_a_key_get_a_clear_error():
    q, k = torch.zeros(1, 1, 5, 4), torch.zeros(1, 1, 3, 4)
    with pytest.raises(ValueError, match="5 queries and 3 keys. Use causal=False"):
        attention_weights(q, k, causal=True)
    assert attention_weights(q, k, causal=False).shape == (1, 1, 5, 3)


def test_a_cache_is_for_causal_attention_and_for_one_batch():
    layer = Attention(16, 4, causal=False)
    with pytest.raises(ValueError, match="a cache needs causal=True"):
        layer(torch.zeros(1, 2, 16), None, KeyValues(9))
    cache, new = KeyValues(9), torch.ones(3, 1, 2, 4)
    cache.extend(new, new)
    with pytest.raises(ValueError, match="a batch of 3; got one of 1. Make a new cache"):
        cache.extend(new[:1], new[:1])
    assert cache.size == 2


@pytest.mark.parametrize(
    ("keys", "values"),
    [
        (torch.ones(3, 1, 1, 4), torch.ones(3, 1, 1, 4)),  # one head after two
        (torch.ones(3, 2, 2, 4), torch.ones(3, 2, 1, 4)),
        (torch.ones(3, 2, 1, 1), torch.ones(3, 2, 1, 4)),
        (torch.ones(3, 2, 1, 4).double(), torch.ones(3, 2, 1, 4).double()),
    ],
)
def test_nothing_is_broadcast_into_a_cache(keys, values):
    cache, first = KeyValues(9), torch.ones(3, 2, 1, 4)
    cache.extend(first, first)
    with pytest.raises(ValueError, match="must both have the heads, width and dtype"):
        cache.extend(keys, values)
    assert cache.size == 1


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Attention(0, 1, causal=True), "width must be a whole number, at least 1; got 0"),
        (lambda: Attention(8, 0, causal=True), "num_heads must be .* got 0"),
        (lambda: Attention(8, -2, causal=True), "num_heads must be .* got -2"),
        (lambda: Attention(8, 2.0, causal=True), r"num_heads must be .* got 2\.0"),
        (lambda: KeyValues(0), "length must be .* got 0"),
    ],
)
def test_sizes_have_their_range(make, says):
    with pytest.raises(ValueError, match=says):
        make()


def test_a_conditioned_block_is_the_plain_one_where_its_condition_says_so():
    torch.manual_seed(0)
    plain = Block(16, 2, causal=True)
    for p in plain.parameters():
        torch.nn.init.normal_(p, std=0.5)
    torch.nn.init.ones_(plain.norm_attention.weight)
    torch.nn.init.ones_(plain.norm_mlp.weight)
    conditioned = Block(16, 2, causal=True, conditioned=True)
    conditioned.attention, conditioned.mlp = copy.deepcopy((plain.attention, plain.mlp))
    x, cond = torch.randn(3, 5, 16), torch.randn(3, 16)
    assert torch.equal(conditioned(x, cond), x)  # the gates are closed
    with torch.no_grad():
        conditioned.modulation.bias[32:48] = conditioned.modulation.bias[80:] = 1  # and now open
    torch.testing.assert_close(conditioned(x, cond), plain(x))


def test_a_condition_goes_to_the_block_that_was_built_for_it():
    x, cond = torch.zeros(3, 5, 16), torch.zeros(3, 16)
    with pytest.raises(ValueError, match=r"a plain one takes none; got \(3, 16\)"):
        Block(16, 2, causal=True)(x, cond)
    with pytest.raises(ValueError, match="needs a condition.*got None"):
        Block(16, 2, causal=True, conditioned=True)(x)


def test_turns_of_another_text_or_width_are_refused():
    x = torch.randn(2, 5, 8)
    for wrong in (rotations(1, 8, like=x), rotations(6, 8, like=x), rotations(5, 4, like=x)):
        with pytest.raises(ValueError, match=r"needs turns of shape \(5, 4\)"):
            rotate(x, wrong)
    with pytest.raises(ValueError, match="width must be even; got 7"):
        rotations(3, 7, like=x)


def test_a_condition_for_another_batch_is_refused():
    block = Block(8, 2, causal=False, conditioned=True)
    with pytest.raises(ValueError, match="B=2"):
        block(torch.randn(2, 3, 8), torch.randn(1, 8))
