"""Cutting data into tokens: by hand, by torch's own pixel shuffle, and back."""

import pytest
import torch
import torch.nn.functional as F

from course_utils.diffusion import Clip, Frames, Patches, Points, Tokens

EVERY = [Patches(3, 12, 4), Frames(48, 8), Clip(4, 8, 4, 2), Clip(6, 6, 3, 3, 2), Points(7, 2)]


def test_patches_by_hand():
    image = torch.arange(16.0).view(1, 1, 4, 4)
    expected = [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]
    assert Patches(1, 4, 2).cut(image)[0].tolist() == expected


@pytest.mark.parametrize("patch", [1, 2, 3, 6])
def test_patches_are_those_of_pixel_unshuffle(patch):
    images = torch.randn(2, 3, 12, 12)
    expected = F.pixel_unshuffle(images, patch).flatten(2).transpose(1, 2)
    assert torch.equal(Patches(3, 12, patch).cut(images), expected)


def test_frames_and_points_by_hand():
    assert Frames(6, 2).cut(torch.arange(6.0)[None])[0].tolist() == [[0, 1], [2, 3], [4, 5]]
    cloud = torch.randn(2, 7, 3)
    assert torch.equal(Points(7).cut(cloud), cloud)


def test_a_piece_of_a_clip_is_a_square_over_a_few_frames():
    clips = torch.randn(2, 4, 1, 8, 8)
    tokens = Clip(4, 8, 4, 2).cut(clips)
    assert tokens.shape == (2, 2 * 2 * 2, 2 * 4 * 4)
    # token 5: second half of the time, upper half, right half
    assert torch.equal(tokens[:, 5], clips[:, 2:4, :, 0:4, 4:8].flatten(1))


@pytest.mark.parametrize("tokens", EVERY, ids=repr)
def test_join_inverts_cut_and_no_number_is_lost(tokens):
    x = torch.randn(3, *tokens.shape)
    cut = tokens.cut(x)
    assert cut.shape == (3, tokens.count, tokens.size)
    assert torch.equal(tokens.join(cut), x)
    assert torch.equal(cut.flatten().sort().values, x.flatten().sort().values)


def test_only_clouds_have_no_order():
    assert [tokens.ordered for tokens in EVERY] == [True, True, True, True, False]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Patches(side=14, patch=4), "got 14 and 4.*Pad images to 16"),
        (lambda: Frames(100, 32), "sounds must be divisible.*got 100 and 32.*Pad sounds to 128"),
        (lambda: Clip(frames=7), "clips must be divisible.*got 7 and 2"),
        (lambda: Points(0), "at least 1; got 0"),
        (lambda: Patches(channels=0), "at least 1; got 0"),
        (lambda: Patches(side=8.0), r"whole number.*got 8\.0"),
        (lambda: Tokens((4, 4), (2,)), r"a side for each of \(4, 4\); got \(2,\)"),
        (lambda: Frames(8, 4).join(torch.zeros(1, 3, 4)), r"tokens \(B, 2, 4\); got \(1, 3, 4\)"),
        (lambda: Frames(8, 4).join(torch.zeros(1, 2, 5)), r"tokens \(B, 2, 4\); got \(1, 2, 5\)"),
        (lambda: Frames(8, 4).cut(torch.zeros(9)), r"\(B, 8\); got \(9,\)"),
        (lambda: Frames(8, 4).cut(torch.zeros(2, 8).long()), "floating point.*int64"),
    ],
)
def test_wrong_shapes_are_explained(make, says):
    with pytest.raises(ValueError, match=says):
        make()


@pytest.mark.parametrize("tokens", EVERY[:4], ids=repr)
def test_every_token_knows_its_place(tokens):
    waves = tokens.waves(24)
    assert waves.shape == (tokens.count, 24)
    apart = torch.cdist(waves, waves) + 9 * torch.eye(tokens.count)
    assert apart.min() > 0.3
    assert waves.abs().max() <= 1


def test_neighbours_are_alike_and_each_axis_has_its_share():
    waves = Frames(64, 1).waves(16)
    similarity = waves @ waves[32] / 8
    assert similarity[32] == pytest.approx(1)
    assert similarity[33] > similarity[40] > similarity[0]
    by_row = Patches(1, 8, 2).waves(16).view(4, 4, 16)
    assert torch.equal(by_row[0, :, :8], by_row[0, :1, :8].expand(4, 8))  # one row: alike
    assert torch.equal(by_row[:, 0, 8:], by_row[:1, 0, 8:].expand(4, 8))  # one column


def test_a_single_token_has_no_place():
    assert not Patches(1, 4, 4).waves(8).any()
    assert not Frames(32, 32).waves(8).any()


def test_each_axis_needs_two_waves():
    assert Clip().waves(6).unique(dim=0).shape == (64, 6)
    with pytest.raises(ValueError, match="at least 2 for each of 3 axes; got 4"):
        Clip().waves(4)
