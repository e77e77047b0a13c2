import pytest
import torch
import torch.nn.functional as F

from course_utils import training
from course_utils.data import Windows
from course_utils.language import GPT, MLP, GPTConfig, attention_maps, next_token_loss


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
    loss = next_token_loss(gpt(), torch.randint(11, (8, 17)))
    assert loss.item() == pytest.approx(torch.log(torch.tensor(11.0)).item(), abs=0.1)


@pytest.mark.parametrize("name", MODELS)
def test_one_pattern_is_learned(name):
    model = MODELS[name]()
    text = torch.arange(11).repeat(30)
    batches = Windows(text, context_length=16, batch_size=8)
    history = training.fit(model, batches, next_token_loss, num_steps=150)
    assert history.loss[-1] < 0.05


def test_attention_maps_are_those_of_the_forward_pass():
    model, tokens = awake(gpt()), torch.randint(11, (2, 9))
    torch.nn.init.zeros_(model.previous)
    maps = attention_maps(model, tokens)
    assert [m.shape for m in maps] == [(2, 2, 9, 9)] * 2
    block, x = model.blocks[0], model.embed(tokens)
    _, _, value = block.attention.split(block.norm_attention(x))
    mixed = (maps[0] @ value).transpose(1, 2).flatten(2)
    expected = block.attention(block.norm_attention(x))
    torch.testing.assert_close(block.attention.project(mixed), expected, rtol=0, atol=1e-5)
    assert not model.blocks[0].attention._forward_pre_hooks


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (torch.full((1, 4), 11), r"0 \.\.\. 10; got 11 \.\.\. 11.*tokenizer"),
        (torch.full((1, 4), -1), r"0 \.\.\. 10; got -1"),
        (torch.zeros(1, 17, dtype=torch.long), r"at most 16 tokens; got 17.*tokens\[:, -16:\]"),
        (torch.zeros(4, dtype=torch.long), r"shape \(B, T\); got .*\(4,\).*tokens\[None\]"),
        (torch.zeros(1, 4), "int64"),
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
        end += size
        pieces.append(model(tokens[:, :end], cache))
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
