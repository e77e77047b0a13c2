"""Encoder and decoder, and the decoder alone: padding, order of knowing, writing, errors."""

import pytest
import torch
import torch.nn.functional as F

from course_utils.language import (
    GPT,
    DecoderOnly,
    EncoderDecoder,
    GPTConfig,
    Seq2SeqConfig,
    exact_match,
    generate,
    join,
    pair_loss,
    source_maps,
)
from course_utils.records import last

PAD, START, STOP = 0, 1, 2


def awake(model):
    """The model with random weights where it starts with zeros, so that all of it counts."""
    torch.manual_seed(0)
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.3)
    return model.eval()


def encoder_decoder(**changes):
    sizes = dict(vocab_size=13, context_length=20, encoder_layers=2, decoder_layers=2, width=16)
    return awake(EncoderDecoder(Seq2SeqConfig(**(sizes | changes))))


def decoder_only():
    sizes = dict(vocab_size=13, context_length=40, num_layers=2, num_heads=2, width=16)
    return awake(DecoderOnly(GPT(GPTConfig(**sizes))))


LAYOUTS = {
    "encoder-decoder": encoder_decoder,
    "causal encoder": lambda: encoder_decoder(bidirectional=False),
    "decoder alone": decoder_only,
}
each_layout = pytest.mark.parametrize("name", LAYOUTS)


def pairs(lengths=(7, 4, 1), answers=(5, 2, 6)):
    """Sources and targets of these lengths, padded at their ends."""
    torch.manual_seed(1)
    source = torch.full((len(lengths), max(lengths)), PAD)
    target = torch.full((len(answers), max(answers) + 2), PAD)
    for row, (length, answer) in enumerate(zip(lengths, answers, strict=True)):
        source[row, :length] = torch.randint(3, 13, (length,))
        words = torch.randint(3, 13, (answer,))
        target[row, : answer + 2] = torch.cat([torch.tensor([START]), words, torch.tensor([STOP])])
    return source, target


@each_layout
def test_each_source_answers_as_it_would_alone(name):
    model, (source, target) = LAYOUTS[name](), pairs()
    together = model(source, target)
    for row, length in enumerate((7, 4, 1)):
        alone = model(source[row : row + 1, :length], target[row : row + 1])
        torch.testing.assert_close(together[row : row + 1], alone, rtol=0, atol=1e-5)
    wider = model(F.pad(source, (0, 5)), target)
    torch.testing.assert_close(wider, together, rtol=0, atol=1e-5)


@each_layout
def test_a_target_token_moves_no_logit_before_it_and_a_source_token_all(name):
    model, (source, target) = LAYOUTS[name](), pairs((6, 6), (5, 5))
    target = target[:, :-1]
    before = model(source, target)
    changed = target.clone()
    changed[:, 3] = 3 + (target[:, 3] - 2) % 10
    moved = (model(source, changed) - before).detach().abs().amax((0, 2))
    assert float(moved[:3].max()) == 0
    assert float(moved[3:].min()) > 0
    for place in range(6):
        other = source.clone()
        other[:, place] = 3 + (source[:, place] - 2) % 10
        assert float((model(other, target) - before).detach().abs().amax((0, 2)).min()) > 0


@pytest.mark.parametrize("bidirectional", [True, False])
def test_only_a_bidirectional_encoder_sees_what_comes_after(bidirectional):
    model, (source, _) = encoder_decoder(bidirectional=bidirectional), pairs((6, 6), (1, 1))
    changed = source.clone()
    changed[:, 4] = 3 + (source[:, 4] - 2) % 10
    moved = (model.states(source) - model.states(changed)).detach().abs().amax((0, 2))
    assert (float(moved[:4].max()) > 0) is bidirectional
    assert float(moved[4]) > 0


def test_the_decoder_is_torchs_decoder_layer():
    """Same weights, no positions, no look back: torch's own layer with its norms first."""
    model = encoder_decoder(decoder_layers=1)
    block, width = model.decoder[0], 16
    theirs = torch.nn.TransformerDecoderLayer(
        width, 2, 4 * width, dropout=0, activation="relu", batch_first=True, norm_first=True,
        bias=False,
    ).eval()  # fmt: skip
    cross = torch.cat([block.cross.query.weight, block.cross.key_value.weight])
    weights = {
        "self_attn.in_proj_weight": block.own.attention.qkv.weight,
        "self_attn.out_proj.weight": block.own.attention.project.weight,
        "multihead_attn.in_proj_weight": cross,
        "multihead_attn.out_proj.weight": block.cross.project.weight,
        "linear1.weight": block.own.mlp[0].weight,
        "linear2.weight": block.own.mlp[2].weight,
        "norm1.weight": block.own.norm_attention.weight,
        "norm2.weight": block.norm.weight,
        "norm3.weight": block.own.norm_mlp.weight,
    }
    theirs.load_state_dict(weights)
    x, states = torch.randn(2, 3, 5, width)
    seen = torch.arange(5) < torch.tensor([[5], [3], [1]])
    turns = torch.ones(5, width // 4, dtype=torch.complex64)  # turns by nothing
    ours = block(x, block.cross.read(states, seen), turns)
    mask = torch.nn.Transformer.generate_square_subsequent_mask(5)
    expected = theirs(x, states, tgt_mask=mask, tgt_is_causal=True, memory_key_padding_mask=~seen)
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-5)


def test_a_decoder_alone_is_its_gpt_on_the_joined_text():
    model, (source, target) = decoder_only(), pairs()
    logits = model(source, target)
    for row, (length, answer) in enumerate(zip((7, 4, 1), (5, 2, 6), strict=True)):
        text = torch.cat([source[row, :length], target[row, : answer + 2]])
        expected = model.gpt(text[None])[0, length:]
        torch.testing.assert_close(logits[row, : answer + 2], expected, rtol=0, atol=1e-5)


def test_join_puts_each_target_behind_its_source():
    source = torch.tensor([[5, 6, 7], [8, 0, 0]])
    tokens, places = join(source, torch.tensor([[1, 9], [1, 4]]))
    assert tokens.tolist() == [[5, 6, 7, 1, 9], [8, 1, 4, 0, 0]]
    assert places.tolist() == [[3, 4], [1, 2]]
    tokens, _ = join(torch.tensor([[5, 0, 0, 0]]), torch.tensor([[1, 2]]))
    assert tokens.tolist() == [[5, 1, 2]]


@each_layout
def test_the_loss_is_the_mean_over_the_targets_own_tokens(name):
    model, (source, target) = LAYOUTS[name](), pairs()
    total, count = 0.0, 0
    for row, (length, answer) in enumerate(zip((7, 4, 1), (5, 2, 6), strict=True)):
        text = target[row : row + 1, : answer + 2]
        log_probs = model(source[row : row + 1, :length], text[:, :-1]).log_softmax(-1)[0]
        total -= float(sum(log_probs[i, text[0, i + 1]] for i in range(answer + 1)))
        count += answer + 1
    assert pair_loss(model, (source, target)).item() == pytest.approx(total / count, rel=1e-5)


def test_a_column_of_padding_costs_no_token():
    """A pad token that a caller puts inside a text is refused; columns behind all texts are cut."""
    model, (source, target) = encoder_decoder(), pairs()
    wide = F.pad(source, (0, 3)), F.pad(target, (0, 4))
    assert pair_loss(model, wide).item() == pytest.approx(pair_loss(model, (source, target)).item())
    with pytest.raises(ValueError, match="each source must be some tokens"):
        pair_loss(model, (torch.tensor([[5, PAD, 6]]), torch.tensor([[START, 4, STOP]])))
    with pytest.raises(ValueError, match="each target must be some tokens"):
        pair_loss(model, (torch.tensor([[5]]), torch.tensor([[START, 4, PAD, 7, STOP]])))


def written(model, source, **how):
    return last(generate(model, source, start=START, stop=STOP, max_new_tokens=12, **how)).state


@each_layout
def test_exact_match_is_what_greedy_writing_gives(name):
    """The model's own texts match; with one token changed they do not."""
    model, (source, _) = LAYOUTS[name](), pairs((5, 3, 6, 2), (1, 1, 1, 1))
    own = written(model, source)
    assert bool(exact_match(model, source, own).all())
    for place in range(1, own.shape[1]):
        changed = own.clone()
        changed[:, place] = 3 + (own[:, place] - 2) % 10
        real = own[:, place] != PAD
        assert not bool(exact_match(model, source, changed)[real].any())


@each_layout
def test_writing_together_is_writing_alone(name):
    model, (source, _) = LAYOUTS[name](), pairs((5, 3, 6), (1, 1, 1))
    together = written(model, source)
    for row, length in enumerate((5, 3, 6)):
        alone = written(model, source[row : row + 1, :length])[0]
        assert together[row, : len(alone)].tolist() == alone.tolist()
        assert (together[row, len(alone) :] == PAD).all()


class Parrot(DecoderOnly):
    """Says 5, 6, then stops, then 7 if it is asked for more; the second row a word later."""

    def forward(self, source, target):
        says = torch.tensor([[5, 6, STOP, 7, 7, 7], [5, 5, 6, STOP, 7, 7]])
        return 50.0 * F.one_hot(says[: len(source), : target.shape[1]], 13)


def test_writing_ends_with_the_last_stop():
    model = Parrot(decoder_only().gpt)
    steps = list(generate(model, pairs((3, 2), (1, 1))[0], start=START, stop=STOP))
    assert [step.calls for step in steps] == [1, 2, 3, 4]
    assert steps[-1].t == 0
    assert steps[-1].state.tolist() == [[1, 5, 6, 2, 0], [1, 5, 5, 6, 2]]
    assert steps[2].state.tolist() == [[1, 5, 6, 2], [1, 5, 5, 6]]


def test_a_stop_that_never_comes_ends_at_the_limit():
    model = Parrot(decoder_only().gpt)
    state = last(
        generate(model, pairs((3,), (1,))[0], start=START, stop=11, max_new_tokens=3)
    ).state
    assert state.tolist() == [[1, 5, 6, 2]]


def test_the_source_is_read_once_and_the_cache_changes_nothing():
    model, (source, target) = encoder_decoder(), pairs((6, 3), (7, 7))
    target = target[:, :-1]
    calls = []
    hook = model.encoder[0].attention.qkv.register_forward_hook(lambda *_: calls.append(1))
    list(generate(model, source, start=START, stop=11, max_new_tokens=6))
    hook.remove()
    assert len(calls) == 1
    with torch.no_grad():
        reader = model.given(source)
        cache, whole = reader.make_cache(), model(source, target)
        pieces = [reader(target[:, :3], cache)]
        pieces += [reader(target[:, i : i + 1], cache) for i in range(3, target.shape[1])]
    torch.testing.assert_close(torch.cat(pieces, 1), whole, rtol=0, atol=1e-5)


@each_layout
def test_maps_say_where_each_target_token_looks(name):
    model, (source, target) = LAYOUTS[name](), pairs()
    maps = source_maps(model, source, target)
    assert [tuple(m.shape) for m in maps] == [(3, 2, 8, 7)] * 2
    seen = source != PAD
    for weights in maps:
        assert float(weights.masked_select(~seen[:, None, None]).abs().max()) == 0
        total = weights.sum(-1)
        if name == "decoder alone":
            assert float(total.max()) < 1
            assert float(total.min()) > 0
        else:
            torch.testing.assert_close(total, torch.ones_like(total))
        for row, length in enumerate((7, 4, 1)):
            alone = source_maps(model, source[row : row + 1, :length], target[row : row + 1])
            layer = [m is weights for m in maps].index(True)
            found = weights[row : row + 1, ..., :length]
            torch.testing.assert_close(found, alone[layer], rtol=0, atol=1e-5)


@each_layout
def test_it_learns_to_turn_a_text_round(name):
    from course_utils import training

    torch.manual_seed(0)
    if name == "decoder alone":
        model = DecoderOnly(GPT(GPTConfig(13, 40, 2, 2, 16)))
    else:
        model = EncoderDecoder(Seq2SeqConfig(13, bidirectional=name != "causal encoder"))
    source = torch.randint(3, 13, (8, 5))
    edge = torch.ones(8, 1, dtype=torch.long)
    target = torch.cat([START * edge, source.flip(1), STOP * edge], 1)
    training.fit(model, [(source, target)] * 150, pair_loss, num_steps=150,
                 optimizer=training.muon(model, 0.02))  # fmt: skip
    assert bool(exact_match(model, source, target).all())
    assert written(model, source).tolist() == target.tolist()


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda m, s, t: Seq2SeqConfig(13, width=18), "divisible by 2 num_heads.*Use width=20"),
        (lambda m, s, t: Seq2SeqConfig(13, decoder_layers=0), "decoder_layers must be a whole"),
        (lambda m, s, t: Seq2SeqConfig(13, pad=13), "pad must be a token, 0 to 12; got 13"),
        (lambda m, s, t: m(s[0], t), r"source must have shape \(B, T\)"),
        (lambda m, s, t: m(s, t.float()), "target must be int64"),
        (lambda m, s, t: m(s + 9, t), "must lie in 0 ... 12"),
        (lambda m, s, t: m(s[:2], t), "each of the 3 rows needs a source"),
        (lambda m, s, t: m(s, t.repeat(1, 4)), "sees at most 20 tokens; got 32"),
        (lambda m, s, t: m(s.flip(1), t), "some tokens and then padding"),
        (lambda m, s, t: m(s * (torch.arange(3) > 0)[:, None], t), "leave out empty ones"),
        (lambda m, s, t: m(s[:, :0], t), r"T >= 1; got \(3, 0\)"),
        (lambda m, s, t: m.given(s).make_cache(s > 0), "Leave out mask"),
        (lambda m, s, t: pair_loss(m, s), "a pair .source, target.; got a tensor"),
        (lambda m, s, t: pair_loss(m, (s, t, t)), "got 3 entries"),
        (lambda m, s, t: pair_loss(m, (s, t[:, :1])), "at least two tokens"),
        (lambda m, s, t: exact_match(m, s[:2], t), "each source needs a target"),
        (lambda m, s, t: pair_loss(m, (s * (s != s[0, 1]), t)), "each source must be some tokens"),
        (lambda m, s, t: pair_loss(m, (s, t.flip(1))), "each target must be some tokens"),
        (lambda m, s, t: pair_loss(m, (s[:0], t[:0])), "there must be pairs"),
        (lambda m, s, t: exact_match(m, s, t * (t == START)), "has nothing after its start"),
        (lambda m, s, t: generate(m, s, start=1, stop=PAD), "must be three tokens; got 1, 0 and 0"),
        (lambda m, s, t: generate(m, s, start=1, stop=1), "must be three tokens"),
        (lambda m, s, t: Seq2SeqConfig(13, pad=1.0), "pad must be a token, 0 to 12; got 1.0"),
        (lambda m, s, t: Seq2SeqConfig(13, bidirectional="no"), "must be True or False; got 'no'"),
        (lambda m, s, t: DecoderOnly(decoder_only().gpt, pad=99), "pad must be a token, 0 to 12"),
        (lambda m, s, t: join(s[:2], t), "got 2 sources and 3 targets"),
        (lambda m, s, t: join(s.flip(1), t), "some tokens and then padding"),
        (lambda m, s, t: generate(m, s[0], start=1, stop=2), r"source must have shape \(B, T\)"),
        (lambda m, s, t: generate(m, s, start=1, stop=2, max_new_tokens=0), "max_new_tokens"),
        (lambda m, s, t: generate(m, s, start=1, stop=2, temperature=-1.0), "temperature must be"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(act, words):
    with pytest.raises(ValueError, match=words):
        act(encoder_decoder(), *pairs())
