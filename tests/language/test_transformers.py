"""Our GPT under transformers' GPT-NeoX: the same weights give the same logits and gradients.

Skipped where transformers is not installed; `make bench` runs it in its own environment.

What is copied: embedding, queries, keys, values, projections, MLPs, factors of the norms, the map
to the logits. What cannot be, and how it is met:

- NeoX turns feature p with p + K/2, we turn neighbours: rows of queries and keys change places.
- its speeds are powers of one base, ours are even in their logarithms with both ends given: its
  table of speeds is replaced by ours.
- its linear maps and norms have biases: zero.
- it does not look at the token before: it is handed embeddings in which that is done.

Llama does not fit: its norms take away no mean, and its MLP has a gate.
"""

import importlib.util

import pytest
import torch
import torch.nn.functional as F

from course_utils.language import GPT, GPTConfig

if not importlib.util.find_spec("transformers"):
    pytest.skip("needs transformers: run make bench", allow_module_level=True)

from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

TOLERANCE = 1e-4
SIZES = [  # vocabulary, layers, heads, width
    (11, 1, 1, 16),
    (50, 2, 2, 48),
    (103, 3, 4, 64),
]


def ours(vocab_size, num_layers, num_heads, width, *, looks_back):
    """A GPT with random weights where it starts with zeros."""
    torch.manual_seed(0)
    model = GPT(
        GPTConfig(
            vocab_size, context_length=40, num_layers=num_layers, num_heads=num_heads, width=width
        )
    )
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.3)
    if not looks_back:
        torch.nn.init.zeros_(model.previous)
    return model.eval()


def halves(weight, num_heads):
    """Rows of queries or keys (H K, D): pairs of neighbours, as ours, to halves, as theirs."""
    return weight.unflatten(0, (num_heads, -1, 2)).transpose(1, 2).flatten(0, 2)


def theirs(model):
    """A GPT-NeoX with the weights of ours."""
    config = model.config
    other = GPTNeoXForCausalLM(
        GPTNeoXConfig(
            vocab_size=config.vocab_size,
            hidden_size=config.width,
            num_hidden_layers=config.num_layers,
            num_attention_heads=config.num_heads,
            intermediate_size=4 * config.width,
            hidden_act="relu",
            rope_parameters={
                "rope_theta": 10_000.0,
                "partial_rotary_factor": 1.0,
                "rope_type": "default",
            },
            max_position_embeddings=config.context_length,
            use_parallel_residual=False,
            layer_norm_eps=1e-5,
            tie_word_embeddings=False,
            attn_implementation="eager",
        )
    ).eval()
    for name, p in other.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.zeros_(p)
    copied = {"gpt_neox.embed_in": model.embed, "gpt_neox.final_layer_norm": model.norm}
    copied["lm_head"] = model.logits
    for index, block in enumerate(model.blocks):
        layer = f"gpt_neox.layers.{index}"
        copied |= {
            f"{layer}.input_layernorm": block.norm_attention,
            f"{layer}.post_attention_layernorm": block.norm_mlp,
            f"{layer}.attention.dense": block.attention.project,
            f"{layer}.mlp.dense_h_to_4h": block.mlp[0],
            f"{layer}.mlp.dense_4h_to_h": block.mlp[2],
        }
        q, k, v = block.attention.qkv.weight.chunk(3)
        parts = [halves(q, config.num_heads), halves(k, config.num_heads), v]
        by_head = [part.unflatten(0, (config.num_heads, -1)) for part in parts]  # (H, K, D)
        joined = torch.cat(by_head, dim=1).flatten(0, 1)  # a head's q, k, v lie together
        other.get_submodule(f"{layer}.attention.query_key_value").weight.data = joined.detach()
    for name, module in copied.items():
        other.get_submodule(name).weight.data = module.weight.detach().clone()
    pairs = config.width // config.num_heads // 2
    rotary = other.gpt_neox.rotary_emb
    assert rotary.inv_freq.shape == (pairs,)
    rotary.inv_freq = torch.logspace(0, -10, pairs, base=2)
    return other


def embedded(model, tokens):
    """What the first block of ours is given."""
    x = model.embed(tokens)
    return x + model.previous * F.pad(x, (0, 0, 1, -1))


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("length", [1, 2, 40])
def test_the_same_weights_give_the_same_logits(sizes, length):
    model = ours(*sizes, looks_back=False)
    tokens = torch.randint(sizes[0], (3, length), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected, found = theirs(model)(tokens).logits, model(tokens)
    assert expected.std() > 0.5  # else nothing is compared
    torch.testing.assert_close(found, expected, rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_with_the_look_at_the_token_before_done_for_it(sizes):
    model = ours(*sizes, looks_back=True)
    tokens = torch.randint(sizes[0], (2, 23), generator=torch.Generator().manual_seed(1))
    other = theirs(model)
    with torch.no_grad():
        found = model(tokens)
        expected = other(inputs_embeds=embedded(model, tokens)).logits
        without = other(tokens).logits
    torch.testing.assert_close(found, expected, rtol=TOLERANCE, atol=TOLERANCE)
    assert (found - without).abs().max() > 0.1


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_and_the_same_gradients(sizes):
    model = ours(*sizes, looks_back=False)
    other = theirs(model)
    tokens = torch.randint(sizes[0], (3, 17), generator=torch.Generator().manual_seed(1))
    for logits in (model(tokens[:, :-1]), other(tokens[:, :-1]).logits):
        F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten()).backward()
    pairs = [
        (model.embed.weight, other.gpt_neox.embed_in.weight),
        (model.logits.weight, other.lm_head.weight),
        (model.blocks[0].mlp[0].weight, other.gpt_neox.layers[0].mlp.dense_h_to_4h.weight),
        (
            model.blocks[-1].norm_mlp.weight,
            other.gpt_neox.layers[-1].post_attention_layernorm.weight,
        ),
    ]
    for mine, theirs_ in pairs:
        torch.testing.assert_close(mine.grad, theirs_.grad, rtol=1e-3, atol=TOLERANCE)


@pytest.mark.parametrize("broken", ["speeds", "halves", "norm"])
def test_a_difference_would_show(broken):
    model = ours(50, 2, 2, 48, looks_back=False)
    other = theirs(model)
    if broken == "speeds":
        pairs = other.gpt_neox.rotary_emb.inv_freq
        other.gpt_neox.rotary_emb.inv_freq = 10_000.0 ** -(torch.arange(len(pairs)) / len(pairs))
    elif broken == "halves":
        weight = other.gpt_neox.layers[0].attention.query_key_value.weight
        weight.data = weight.data.roll(1, 0)
    else:
        other.gpt_neox.layers[0].input_layernorm.bias.data += 0.1
    tokens = torch.randint(50, (2, 30), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert (model(tokens) - other(tokens).logits).abs().max() > 100 * TOLERANCE
