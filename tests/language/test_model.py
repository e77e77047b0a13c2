import pytest
import torch
import torch.nn.functional as F

from course_utils import training
from course_utils.language import GPT, MLP, GPTConfig, attention_maps, next_token_loss, sample
from course_utils.layers import Attention, rotations
from course_utils.records import last
from course_utils.training.optimizer import hidden_matrices


def gpt(**changes):
    torch.manual_seed(0)
    sizes = dict(vocab_size=11, context_length=16, num_layers=2, num_heads=2, width=32)
    return GPT(GPTConfig(**(sizes | changes)))


def awake(model):
    """The model with random weights where it starts with zeros, so that all of it counts."""
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.3)
    return model.eval()


MODELS = {"MLP": lambda: MLP(11, num_previous=3), "GPT": gpt}


@pytest.mark.parametrize("name", MODELS)
def test_changing_a_token_moves_no_logit_before_it(name):
    torch.manual_seed(0)
    model, tokens = awake(MODELS[name]()), torch.randint(11, (2, 12))
    changed = tokens.clone()
    changed[:, 7] = (tokens[:, 7] + 1) % 11
    moved = (model(tokens) - model(changed)).detach().abs().amax((0, 2))
    assert float(moved[:7].max()) == 0
    assert float(moved[7]) > 0


def test_mlp_sees_only_its_last_tokens():
    torch.manual_seed(0)
    model, tokens = MODELS["MLP"](), torch.randint(11, (1, 12))
    changed = tokens.clone()
    changed[:, 2] = (tokens[:, 2] + 1) % 11
    moved = (model(tokens) - model(changed)).detach().abs().amax((0, 2))
    assert moved.nonzero().flatten().tolist() == [2, 3, 4]


def test_mlp_is_bengios_formula():
    model, tokens = MODELS["MLP"](), torch.tensor([[4, 9, 2]])
    joined = torch.cat([model.embed.weight[i] for i in (4, 9, 2)])
    expected = model.logits(F.gelu(model.hidden(joined)))
    torch.testing.assert_close(model(tokens)[0, -1], expected)


def test_without_positions_a_shuffled_past_changes_nothing():
    tokens = torch.tensor([[1, 2, 3, 4, 5, 6]])
    shuffled = torch.tensor([[4, 1, 5, 3, 2, 6]])
    blind, seeing = awake(gpt(positions=False, num_layers=1)), awake(gpt(num_layers=1))
    torch.testing.assert_close(blind(tokens)[:, -1], blind(shuffled)[:, -1])
    assert not torch.allclose(seeing(tokens)[:, -1], seeing(shuffled)[:, -1])


def test_an_untrained_model_knows_nothing():
    loss = next_token_loss(gpt(), (torch.randint(11, (8, 17)),))
    assert loss.item() == pytest.approx(torch.log(torch.tensor(11.0)).item(), abs=0.1)


@pytest.mark.parametrize("name", MODELS)
def test_one_pattern_is_learned(name):
    model = MODELS[name]()
    starts = torch.randint(11, (150, 8, 1), generator=torch.Generator().manual_seed(0))
    batches = [((start + torch.arange(17)) % 11,) for start in starts]
    history = training.fit(model, batches, next_token_loss, num_steps=150)
    assert history.loss[-1] < 0.05


def test_attention_maps_are_those_of_the_forward_pass():
    model, tokens = awake(gpt()), torch.randint(11, (2, 9))
    torch.nn.init.zeros_(model.previous)
    maps = attention_maps(model, tokens)
    assert [m.shape for m in maps] == [(2, 2, 9, 9)] * 2
    block, x = model.blocks[0], model.embed(tokens)
    turns = rotations(9, 16, like=x)
    _, _, value = block.attention.split(block.norm_attention(x))
    mixed = (maps[0] @ value).transpose(1, 2).flatten(2)
    expected = block.attention(block.norm_attention(x), turns)
    torch.testing.assert_close(block.attention.project(mixed), expected, rtol=0, atol=1e-5)
    assert not model.blocks[0].attention._forward_pre_hooks


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (torch.full((1, 4), 11), r"0 \.\.\. 10; got 11 \.\.\. 11.*tokenizer"),
        (torch.full((1, 4), -1), r"0 \.\.\. 10; got -1"),
        (torch.zeros(1, 17, dtype=torch.long), r"at most 16 tokens; got 17.*tokens\[:, -16:\]"),
        (torch.zeros(4, dtype=torch.long), r"shape \(B, T\) .*; got \(4,\).*tokens\[None\]"),
        (torch.zeros(1, 0, dtype=torch.long), r"T >= 1; got \(1, 0\)\.$"),
        (torch.zeros(1, 4), r"float32. Use tokens\.long\(\)\.$"),
        (torch.zeros(1, 4, dtype=torch.int32), r"int64; got torch\.int32. Use tokens\.long\(\)\.$"),
    ],
)
def test_tokens_that_cannot_be_read_get_a_clear_error(tokens, message):
    with pytest.raises(ValueError, match=message):
        gpt()(tokens)


def test_an_untrained_gpt_answers_uniformly_and_its_blocks_change_nothing():
    model, tokens = gpt(num_layers=8), torch.randint(11, (2, 9))
    assert float(model(tokens).detach().abs().max()) == 0
    x = torch.randn(2, 9, 32)
    assert torch.equal(model.blocks[3](x), x)


@pytest.mark.parametrize("cuts", [(1,) * 12, (5, 1, 6), (12,)])
@pytest.mark.parametrize("positions", [True, False])
def test_reading_in_pieces_with_a_cache_gives_the_same_logits(cuts, positions):
    model, tokens = awake(gpt(positions=positions)), torch.randint(11, (3, 12))
    cache, end, pieces = model.make_cache(), 0, []
    for size in cuts:
        pieces.append(model(tokens[:, end : end + size], cache))
        end += size
    assert [piece.shape[1] for piece in pieces] == list(cuts)
    torch.testing.assert_close(torch.cat(pieces, 1), model(tokens), rtol=1e-4, atol=1e-4)


def test_the_embedding_before_is_joined_in():
    model, tokens = gpt(), torch.tensor([[3, 5]])
    torch.nn.init.constant_(model.previous, 0.5)
    seen = []
    model.blocks[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    model(tokens)
    before, here = model.embed.weight[3], model.embed.weight[5]
    torch.testing.assert_close(seen[0][0], torch.stack([before, here + 0.5 * before]))


@pytest.mark.parametrize("name", MODELS)
def test_unreadable_tokens_are_refused_by_every_model(name):
    for tokens in (torch.zeros(1, 4, dtype=torch.int32), torch.zeros(1, 0, dtype=torch.long)):
        with pytest.raises(ValueError, match="tokens must"):
            MODELS[name]()(tokens)


def test_the_newest_token_alone_continues_a_cache():
    model, tokens = awake(gpt()), torch.randint(11, (3, 12))
    cache = model.make_cache()
    model(tokens[:, :7], cache)
    alone = model(tokens[:, 7:8], cache)
    assert alone.shape == (3, 1, 11)
    torch.testing.assert_close(alone, model(tokens[:, :8])[:, 7:], rtol=1e-4, atol=1e-4)
    assert cache.size == 8


def test_a_cache_has_one_batch_and_no_more_room_than_the_context():
    model = awake(gpt())
    cache = model.make_cache()
    model(torch.zeros(2, 15, dtype=torch.long), cache)
    with pytest.raises(ValueError, match="a batch of 2; got one of 1. Make a new cache"):
        model(torch.zeros(1, 1, dtype=torch.long), cache)
    with pytest.raises(ValueError, match="at most 16 tokens; got 17"):
        model(torch.zeros(2, 2, dtype=torch.long), cache)
    assert cache.size == 15


def test_a_model_that_is_not_causal_has_no_cache():
    assert awake(gpt(causal=False)).make_cache() is None
    with pytest.raises(ValueError, match="a cache needs causal=True"):
        gpt(causal=False)(torch.zeros(1, 1, dtype=torch.long), gpt().make_cache())


@pytest.mark.parametrize("positions", [True, False])
@pytest.mark.parametrize(("dtype", "error"), [(torch.float64, 1e-5), (torch.bfloat16, 0.5)])
def test_other_precisions_train_and_sample(dtype, error, positions):
    tokens = torch.randint(11, (4, 17))
    single = awake(gpt(positions=positions))
    other = awake(gpt(positions=positions)).to(dtype)
    other.load_state_dict(single.state_dict())
    logits = other(tokens[:, :16])
    assert logits.dtype == dtype
    torch.testing.assert_close(logits.double(), single(tokens[:, :16]).double(), rtol=0, atol=error)
    loss = next_token_loss(other, (tokens,))
    assert loss.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    loss.backward()
    assert all(p.grad.dtype == dtype for p in other.parameters())
    final = last(sample(other, tokens[:, :3], max_new_tokens=20))
    assert final.prediction.dtype == loss.dtype
    torch.testing.assert_close(final.prediction.sum(-1), torch.ones(4, dtype=loss.dtype))


def test_double_is_double_in_all_its_parts():
    # A change of 1e-9 in one embedding is far below what float32 can see.
    model, tokens = awake(gpt()).double(), torch.randint(11, (1, 16))
    before = model(tokens)
    with torch.no_grad():
        model.blocks[0].attention.qkv.weight += 1e-9
    moved = (model(tokens) - before).abs().max().item()
    assert 1e-12 < moved < 1e-5
    cache = model.make_cache()
    pieces = [model(tokens[:, :9], cache), model(tokens[:, 9:], cache)]
    torch.testing.assert_close(torch.cat(pieces, 1), model(tokens), rtol=0, atol=1e-11)


def test_muon_leaves_the_edges_of_the_mlp_alone():
    model = MLP(11)
    assert [id(p) for p in hidden_matrices(model)] == [id(model.hidden.weight)]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: gpt(vocab_size=0), "vocab_size must be a whole number, at least 1; got 0"),
        (lambda: gpt(context_length=-1), "context_length must be .* got -1"),
        (lambda: gpt(num_layers=0), "num_layers must be .* got 0"),
        (lambda: gpt(num_heads=0), "num_heads must be .* got 0"),
        (lambda: gpt(width=0), "width must be .* got 0"),
        (lambda: gpt(width=32.0), r"width must be .* got 32\.0"),
        (lambda: gpt(width=6), "by 2 num_heads; got width=6, num_heads=2. Use width=8"),
        (lambda: gpt(width=9, num_heads=4, positions=False), "Use width=12"),
        (lambda: MLP(0), "vocab_size must be .* got 0"),
        (lambda: MLP(11, num_previous=0), "num_previous must be .* got 0"),
        (lambda: MLP(11, embedding_width=-1), "embedding_width must be .* got -1"),
        (lambda: MLP(11, width=0), "width must be .* got 0"),
    ],
)
def test_sizes_have_their_range(make, says):
    with pytest.raises(ValueError, match=says):
        make()


def test_attention_maps_of_a_compiled_model_are_those_of_the_model():
    torch.compiler.reset()  # or it would give up compiling after other tests' models
    model = torch.nn.Sequential(torch.nn.Embedding(11, 16), Attention(16, 2, causal=True))
    compiled, tokens = torch.compile(model, backend="eager"), torch.randint(11, (1, 5))
    with torch.no_grad():
        compiled(tokens)
    (expected,), (found,) = attention_maps(model, tokens), attention_maps(compiled, tokens)
    assert torch.equal(found, expected)
