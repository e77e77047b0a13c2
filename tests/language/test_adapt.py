"""The loss on answers against a sum by hand; LoRA against the maps that it stands for."""

import copy
import math

import pytest
import torch
from torch import nn

from course_utils.language import (
    GPT,
    GPTConfig,
    LoRA,
    add_lora,
    answer_loss,
    load_lora_weights,
    lora_weights,
    merge_lora,
    next_token_loss,
)
from course_utils.training import adamw, train_steps


def small(dtype=torch.float32):
    torch.manual_seed(0)
    model = GPT(GPTConfig(11, context_length=12, num_layers=2, num_heads=2, width=16))
    for p in model.parameters():  # its outputs start at zero, which would hide a mistake
        nn.init.normal_(p, std=0.3)
    return model.to(dtype)


def texts(seed=0):
    torch.manual_seed(seed)
    return torch.randint(11, (5, 9)), torch.rand(5, 9) < 0.5


# The loss


def test_the_loss_is_the_mean_over_answers_alone():
    model, (tokens, answered) = small(), texts()
    log_probs = model(tokens[:, :-1]).log_softmax(-1)
    nats = [
        -log_probs[b, t, tokens[b, t + 1]] for b in range(5) for t in range(8) if answered[b, t + 1]
    ]
    torch.testing.assert_close(answer_loss(model, (tokens, answered)), torch.stack(nats).mean())


def test_with_all_answered_it_is_the_loss_of_the_next_token():
    model, (tokens, _) = small(), texts()
    both = answer_loss(model, (tokens, torch.ones_like(tokens, dtype=torch.bool)))
    torch.testing.assert_close(both, next_token_loss(model, (tokens,)))


def test_what_is_filled_in_on_the_right_changes_nothing():
    model, (tokens, answered) = small(), texts()
    longer = torch.cat([tokens, torch.randint(11, (5, 3))], 1)
    mask = torch.cat([answered, torch.zeros(5, 3, dtype=torch.bool)], 1)
    torch.testing.assert_close(
        answer_loss(model, (longer, mask)), answer_loss(model, (tokens, answered))
    )


def test_what_the_user_says_is_not_a_target():
    """Another last word of the user changes nothing, where nothing after it is scored."""
    model, (tokens, _) = small(), texts()
    answered = torch.zeros_like(tokens, dtype=torch.bool)
    answered[:, :5] = True
    changed = tokens.clone()
    changed[:, 5:] = (changed[:, 5:] + 1) % 11
    assert torch.equal(
        answer_loss(model, (tokens, answered)), answer_loss(model, (changed, answered))
    )


def test_half_precision_is_scored_in_float32():
    model, batch = small(torch.bfloat16), texts()
    assert answer_loss(model, batch).dtype == torch.float32


@pytest.mark.parametrize(
    ("batch", "says"),
    [
        (torch.zeros(2, 3).long(), r"a batch must be \(tokens, answered\).*got a tensor"),
        ((torch.zeros(2, 3).long(),), r"got \[\(2, 3\)\]"),
        ((torch.zeros(2, 3).long(), torch.ones(2, 2).bool()), r"got \[\(2, 3\), \(2, 2\)\]"),
        ((torch.zeros(2, 3).long(), torch.ones(2, 3)), r"answered must be truth values.*mask.bool"),
        ((torch.zeros(2, 3).long(), torch.tensor([[1, 0, 0]] * 2).bool()), "nothing to learn"),
    ],
)
def test_batches_that_make_no_loss_are_refused(batch, says):
    with pytest.raises(ValueError, match=says):
        answer_loss(small(), batch)


# LoRA


def trained(model, steps=20, rate=0.05):
    batch = texts(1)
    for _ in train_steps(
        model, [batch] * steps, answer_loss, num_steps=steps, optimizer=adamw(model, rate)
    ):
        pass
    return model


def test_it_starts_as_the_identity_bit_for_bit():
    model, (tokens, _) = small(), texts()
    before = model(tokens)
    assert torch.equal(add_lora(model, 3)(tokens), before)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-13)])
@pytest.mark.parametrize("alpha", [None, 1.0, 32.0])
def test_merged_equals_unmerged(dtype, tolerance, alpha):
    model, (tokens, _) = add_lora(small(dtype), 3, alpha), texts()
    for name, p in model.named_parameters():
        if name.endswith(".b"):
            nn.init.normal_(p, std=0.1)
    before = model(tokens)
    assert (before - small(dtype)(tokens)).abs().max() > 0.1  # it has learned something
    after = merge_lora(model)(tokens)
    torch.testing.assert_close(after, before, rtol=tolerance, atol=tolerance)
    assert [n for n, _ in model.named_parameters()] == [n for n, _ in small().named_parameters()]


def test_one_map_is_w_plus_the_product():
    torch.manual_seed(0)
    linear = nn.Linear(5, 7)
    lora = LoRA(linear, rank=2, alpha=6)
    nn.init.normal_(lora.b)
    x = torch.randn(3, 5)
    expected = x @ (linear.weight + 3 * lora.b @ lora.a).T + linear.bias
    torch.testing.assert_close(lora(x), expected)


def test_only_its_weights_train():
    model = add_lora(small(), 2)
    before = copy.deepcopy(model.state_dict())
    trained(model)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]) is not name.endswith((".a", ".b")), name


def test_it_learns_where_its_rank_suffices_and_merges_after_training():
    model = add_lora(small(), 4)
    start = answer_loss(model, texts(1)).item()
    trained(model, 60)
    assert answer_loss(model, texts(1)).item() < 0.5 * start
    tokens, _ = texts(1)
    before = model(tokens)
    torch.testing.assert_close(merge_lora(model)(tokens), before, rtol=1e-4, atol=1e-4)


def test_it_is_saved_alone_and_loaded_into_another_copy():
    model, (tokens, _) = trained(add_lora(small(), 2)), texts()
    weights = {name: value.clone() for name, value in lora_weights(model).items()}
    learned = {name for name, p in model.named_parameters() if p.requires_grad}
    assert {name for name in weights if not name.endswith(".scale")} == learned
    count = sum(value.numel() for name, value in weights.items() if not name.endswith(".scale"))
    assert count == sum(p.numel() for p in model.parameters() if p.requires_grad)
    other = add_lora(small(), 2)
    assert not torch.equal(other(tokens), model(tokens))
    load_lora_weights(other, weights)
    assert torch.equal(other(tokens), model(tokens))


def test_a_tuning_keeps_its_alpha_and_is_its_readers_own():
    model, (tokens, _) = trained(add_lora(small(), 2, alpha=32.0)), texts()
    weights, said = lora_weights(model), model(tokens)
    trained(model)  # what was taken out stays what it was
    other = add_lora(small(), 2)
    load_lora_weights(other, weights)
    assert torch.equal(other(tokens), said)
    torch.testing.assert_close(merge_lora(other)(tokens), said)


def test_the_number_of_new_weights_is_rank_times_the_sides():
    model = small()
    maps = [m for m in model.modules() if isinstance(m, nn.Linear)]
    expected = sum(3 * sum(m.weight.shape) for m in maps)
    add_lora(model, 3)
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == expected


def test_maps_can_be_skipped_and_a_small_side_limits_the_rank():
    model = add_lora(small(), 99, skip=("logits",))
    assert isinstance(model.logits, nn.Linear)
    assert model.blocks[0].attention.qkv.a.shape == (16, 16)


def test_a_random_start_has_the_scale_of_its_input():
    torch.manual_seed(0)
    lora = LoRA(nn.Linear(400, 300), rank=200)
    assert abs(lora.a.std().item() * math.sqrt(400) - 1) < 0.02


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: LoRA(nn.Linear(3, 4), 0), "rank"),
        (lambda: LoRA(nn.Linear(3, 4), 4), "has at most rank 3; got rank=4"),
        (lambda: LoRA(nn.Linear(3, 4), 1, 0.0), "alpha must be above 0"),
        (lambda: LoRA(nn.Linear(3, 4), 1, math.inf), "alpha must be above 0"),
        (lambda: add_lora(add_lora(small())), "has LoRA already"),
        (lambda: add_lora(nn.ReLU()), "no linear map of ReLU is left"),
        (lambda: merge_lora(small()), "has no LoRA to merge"),
        (
            lambda: load_lora_weights(add_lora(small(), 2), lora_weights(add_lora(small(), 3))),
            "of another model or rank; they differ in blocks.0",
        ),
    ],
)
def test_what_cannot_be_adapted_is_refused(make, says):
    with pytest.raises(ValueError, match=says):
        make()


def test_merging_leaves_the_pair_what_it_was():
    torch.manual_seed(0)
    pair = LoRA(nn.Linear(5, 4), 2)
    pair.b.data.normal_()
    x = torch.randn(3, 5)
    before = pair(x)
    merged = pair.merged()
    torch.testing.assert_close(pair(x), before)
    torch.testing.assert_close(merged(x), before)
    torch.testing.assert_close(pair.merged()(x), before)


def test_a_weight_in_two_places_is_refused():
    embed, logits = nn.Embedding(6, 4), nn.Linear(4, 6, bias=False)
    logits.weight = embed.weight
    with pytest.raises(ValueError, match="two places"):
        add_lora(nn.Sequential(embed, logits), 2)
    shared = nn.Linear(4, 4)
    with pytest.raises(ValueError, match="two places"):
        add_lora(nn.ModuleDict({"a": nn.Sequential(shared), "b": nn.Sequential(shared)}), 2)
