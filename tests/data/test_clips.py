"""Clips against the line that their digits move on."""

import pytest
import torch

from course_utils.data import load_digits, moving_digits
from course_utils.data.clips import moved


def clips(num=200, seed=0, **sizes):
    images = load_digits(10).train
    random = torch.Generator().manual_seed(seed)
    return moving_digits(*images, num, generator=random, **sizes)


def centre(frames):
    """Centre of the ink of (..., S, S), by the definition."""
    ink = (frames + 1) / 2
    steps = torch.arange(frames.shape[-1])
    weight = ink.sum((-1, -2))
    return torch.stack(
        [(ink.sum(-2) * steps).sum(-1) / weight, (ink.sum(-1) * steps).sum(-1) / weight], dim=-1
    )


def test_the_centre_of_the_ink_moves_at_exactly_the_velocity():
    frames, velocities, labels = clips()
    assert frames.shape == (200, 8, 1, 16, 16)
    assert frames.min() >= -1
    assert frames.max() <= 1
    moves = centre(frames[:, :, 0]).diff(dim=1)
    assert torch.allclose(moves, velocities[:, None].expand_as(moves), atol=1e-4)
    assert labels.shape == (200,)


def test_no_ink_is_lost_and_nothing_stands_still():
    frames, velocities, _ = clips()
    ink = ((frames + 1) / 2).sum((2, 3, 4))
    assert torch.allclose(ink, ink[:, :1].expand_as(ink), rtol=1e-4)
    way = 7 * velocities.norm(dim=1)
    assert way.min() >= 3 - 1e-4
    assert way.max() <= 6 * 2**0.5 + 1e-4


def test_all_directions_and_digits_occur():
    _, velocities, labels = clips(2000)
    quarter = (velocities > 0).long() @ torch.tensor([1, 2])
    assert torch.bincount(quarter, minlength=4).min() > 400
    assert torch.bincount(labels, minlength=10).min() > 100


def test_a_whole_place_is_a_copy_and_half_a_pixel_is_a_mean():
    ink = torch.rand(2, 1, 4, 4)
    frames = moved(ink, torch.tensor([[0.0, 0.0], [4.0, 3.0]]), 8)
    assert torch.equal(frames[0, 0, :4, :4], ink[0, 0])
    assert torch.allclose(frames[1, 0, 3:7, 4:8], ink[1, 0])
    half = moved(ink, torch.tensor([[0.5, 0.0], [0.5, 0.0]]), 8)
    assert torch.allclose(half[0, 0, :4, 1:4], (ink[0, 0, :, 1:] + ink[0, 0, :, :-1]) / 2)


def test_other_sizes_and_seeds():
    frames, *_ = clips(3, num_frames=5, side=20)
    assert frames.shape == (3, 5, 1, 20, 20)
    assert torch.equal(clips(3).frames, clips(3).frames)
    assert not torch.equal(clips(3).frames, clips(3, seed=1).frames)


def test_wrong_sizes_are_explained():
    with pytest.raises(ValueError, match="smaller than 10 pixels"):
        clips(2, side=10)
    with pytest.raises(ValueError, match="at least 2, or nothing moves; got 1"):
        clips(2, num_frames=1)


@pytest.mark.parametrize(
    ("images", "num", "says"),
    [
        (torch.zeros(3, 1, 10, 10, dtype=torch.uint8), 5, "floating point"),
        (torch.zeros(3, 1, 10, 8), 5, r"got \(3, 1, 10, 8\)"),
        (torch.zeros(3, 1, 10, 10), 0, "num_clips must be at least 1; got 0"),
        (torch.zeros(0, 1, 10, 10), 5, "M >= 1"),
        (torch.zeros(()), 5, "expected digits"),
    ],
)
def test_wrong_digits_are_explained(images, num, says):
    labels = torch.arange(len(images) if images.ndim else 0)
    with pytest.raises(ValueError, match=says):
        moving_digits(images, labels, num, generator=torch.Generator())
