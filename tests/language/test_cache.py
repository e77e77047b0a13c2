"""A cache can forget its last tokens, choose rows of its batch, and leave padding unseen."""

import pytest
import torch

from course_utils.language import GPT, GPTConfig

TEXT = torch.tensor([[1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1]])


def awake_gpt():
    torch.manual_seed(0)
    model = GPT(GPTConfig(7, context_length=12, num_layers=2, num_heads=2, width=16)).double()
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.3)
    return model.requires_grad_(False)


@pytest.mark.parametrize("pieces", [[6], [2, 4], [1, 1, 1, 1, 1, 1], [4, 1, 1]])
@pytest.mark.parametrize("size", [0, 1, 3, 5])
def test_what_was_forgotten_leaves_no_trace(pieces, size):
    model, cache = awake_gpt(), awake_gpt().make_cache()
    for piece in TEXT.split(pieces, dim=1):
        model(piece, cache)
    cache.keep(size)
    assert cache.size == size
    other = (TEXT + 3) % 7
    found = model(other[:, size:], cache)
    whole = model(torch.cat([TEXT[:, :size], other[:, size:]], dim=1))
    torch.testing.assert_close(found, whole[:, size:])


def test_rows_are_chosen_and_repeated():
    model = awake_gpt()
    mask = torch.tensor([[True] * 4, [False, True, True, True]])
    cache, rows = model.make_cache(mask), torch.tensor([1, 0, 1])
    model(TEXT[:, :4], cache)
    cache.select(rows)
    found = model(TEXT[rows, 4:], cache)
    again = model.make_cache(mask[rows])
    model(TEXT[rows, :4], again)
    torch.testing.assert_close(found, model(TEXT[rows, 4:], again))


def test_padding_is_not_seen_in_one_piece_nor_in_several():
    model = awake_gpt()
    alone = model(TEXT[:, 2:])
    mask = torch.tensor([[False, False, True, True, True, True]] * 2)
    for pieces in ([6], [1, 5], [2, 4], [3, 1, 2]):
        cache = model.make_cache(mask)
        found = torch.cat([model(piece, cache) for piece in TEXT.split(pieces, dim=1)], dim=1)
        assert torch.isfinite(found).all()
        torch.testing.assert_close(found[:, 2:], alone)


@pytest.mark.parametrize("size", [-1, 7])
def test_it_cannot_keep_what_it_does_not_hold(size):
    model, cache = awake_gpt(), awake_gpt().make_cache()
    model(TEXT, cache)
    with pytest.raises(ValueError, match=rf"holds 6 tokens; it cannot keep {size}"):
        cache.keep(size)
