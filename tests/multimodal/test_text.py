"""Captions as tokens, and the encoder: order, padding, empty texts."""

import pytest
import torch

from course_utils.data import placed_scenes, related_scenes
from course_utils.language import WordTokenizer
from course_utils.multimodal import NOTHING, TextEncoder, encode_captions

CAPTIONS = [scene.caption for scene in [*placed_scenes(), *related_scenes()]]
WORDS = WordTokenizer.train("\n".join(CAPTIONS))
BOTH = ["a red circle left of a blue square", "a blue square left of a red circle"]


def encoder(num_layers=1, seed=0):
    torch.manual_seed(seed)
    made = TextEncoder(WORDS.vocab_size, 32, num_layers)
    for p in made.parameters():  # outputs start at zero
        torch.nn.init.normal_(p, std=0.3)
    return made


def test_captions_are_filled_up_with_nothing():
    tokens = encode_captions(WORDS, ["a red circle above a blue square", CAPTIONS[0]])
    assert tokens.shape == (2, 8)
    assert tokens[0, 7] == NOTHING
    assert WORDS.decode(tokens[0, :7]) == "a red circle above a blue square"
    assert (tokens[1] != NOTHING).all()
    assert encode_captions(WORDS, CAPTIONS[:3], 12).shape == (3, 12)


@pytest.mark.parametrize(
    ("captions", "length", "message"),
    [
        ([], None, "at least one"),
        (CAPTIONS[0], None, "a list of captions"),
        (CAPTIONS[:1], 5, "has 8 words, but there is room for 5"),
    ],
)
def test_captions_that_do_not_fit_are_refused(captions, length, message):
    with pytest.raises(ValueError, match=message):
        encode_captions(WORDS, captions, length)


def test_padding_changes_nothing():
    short, long = (encode_captions(WORDS, CAPTIONS[:4], length) for length in (8, 13))
    read = encoder()
    a, b = read(short), read(long)
    assert torch.allclose(a.vector, b.vector, atol=1e-6)
    assert torch.allclose(a.words, b.words[:, :9], atol=1e-6)
    assert b.seen.sum() == a.seen.sum()


def test_an_empty_caption_is_the_start_alone():
    read = encoder()(torch.full((2, 3), NOTHING))
    assert read.seen.tolist() == [[True, False, False, False]] * 2
    assert torch.isfinite(read.vector).all()
    assert torch.equal(read.vector[0], read.vector[1])


def test_no_words_can_be_encoded_and_read():
    tokens = encode_captions(WORDS, ["", ""])
    assert tokens.tolist() == [[NOTHING], [NOTHING]]
    assert torch.isfinite(encoder()(tokens).vector).all()


def test_a_bag_does_not_know_the_order_and_an_encoder_does():
    tokens = encode_captions(WORDS, BOTH)
    bag, ordered = encoder(0)(tokens).vector, encoder(1)(tokens).vector
    assert torch.allclose(bag[0], bag[1], atol=1e-6)
    assert (ordered[0] - ordered[1]).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (torch.zeros(4).long(), r"int64 tokens \(B, L\)"),
        (torch.zeros(4, 3), r"int64 tokens \(B, L\)"),
        (torch.zeros(4, 0).long(), r"int64 tokens \(B, L\)"),
        (torch.full((1, 2), WORDS.vocab_size), "must lie in 0"),
        (torch.full((1, 2), -2), "must lie in 0"),
    ],
)
def test_what_is_no_text_is_refused(tokens, message):
    with pytest.raises(ValueError, match=message):
        encoder()(tokens)


@pytest.mark.parametrize("sizes", [(0, 32, 1, 4), (9, 30, 1, 4), (9, 32, -1, 4), (9, 32, 1, 0)])
def test_sizes_out_of_range_are_refused(sizes):
    with pytest.raises(ValueError, match="must be"):
        TextEncoder(*sizes)
