"""The instrument for clips: on lines that are known, and on fakes."""

import pytest
import torch

from course_utils.data import load_digits, moving_digits
from course_utils.measure import covered, track


def clips(num=100):
    images = load_digits(10).train
    return moving_digits(*images, num, generator=torch.Generator().manual_seed(0))


def test_the_velocity_is_the_one_that_moved_them():
    frames, velocities, _ = clips()
    found = track(frames, threshold=0)
    assert torch.allclose(found.velocity.float(), velocities, atol=1e-4)
    assert found.strays.max() < 1e-4
    assert found.steady.max() < 1e-4
    assert found.places.shape == (100, 8, 2)


def test_the_threshold_costs_little_and_forgives_a_haze():
    frames, velocities, _ = clips()
    hazy = (frames + 0.1).clamp(max=1)
    for given in (frames, hazy):
        found = track(given)
        assert found.strays.median() < 0.08
        assert (found.velocity.float() - velocities).norm(dim=1).median() < 0.03
    without = track(hazy, threshold=0)
    assert (without.velocity.float() - velocities).norm(dim=1).median() > 0.1


def test_by_hand():
    frames = torch.full((1, 3, 1, 4, 5), -1.0)
    for frame, (x, y) in enumerate([(0, 1), (1, 1), (2, 3)]):
        frames[0, frame, 0, y, x] = 1.0
    found = track(frames)
    assert found.places[0].tolist() == [[0, 1], [1, 1], [2, 3]]
    assert found.velocity[0].tolist() == [1, 1]
    # the line is at y = 2/3, 5/3, 8/3: it is missed by 1/3, 2/3, 1/3
    assert float(found.strays[0]) == pytest.approx(((1 + 4 + 1) / 9 / 3) ** 0.5)


def test_fakes():
    frames, _, _ = clips()
    honest = track(frames)
    random = torch.Generator().manual_seed(1)
    order = torch.stack([torch.randperm(8, generator=random) for _ in range(100)])
    shuffled = frames.gather(1, order[:, :, None, None, None].expand_as(frames))
    assert track(shuffled).strays.median() > 5 * honest.strays.median()
    frozen = track(frames[:, :1].expand_as(frames))  # strays nowhere, and does not move
    assert frozen.strays.max() < 1e-6
    assert frozen.speed.max() < 1e-6
    assert honest.speed.min() > 0.35
    blank = track(torch.full_like(frames, -1))
    assert bool(blank.strays.isnan().all() & blank.places.isnan().all())
    noise = track(torch.randn(frames.shape, generator=random).clamp(-1, 1))
    assert noise.speed.median() < 0.1  # the centre of noise stays in the middle
    others = frames[torch.randperm(100, generator=random)]
    halves = torch.cat([frames[:, :4], others[:, 4:]], dim=1)  # another digit takes over
    assert track(halves).steady.median() > 3 * honest.steady.median()
    assert track(halves).strays.median() > 3 * honest.strays.median()


@pytest.mark.parametrize("shape", [(2, 8, 16, 16), (2, 2, 1, 16, 16), (2, 8, 3, 16, 16)])
def test_wrong_shapes_are_explained(shape):
    with pytest.raises(ValueError, match="F >= 3"):
        track(torch.zeros(shape))


def test_a_threshold_has_its_range():
    with pytest.raises(ValueError, match="below 1; got 1"):
        track(torch.zeros(2, 8, 1, 4, 4), threshold=1.0)


def test_coverage_is_a_share_of_the_reference():
    line = torch.stack([torch.linspace(0, 1, 101), torch.zeros(101)], dim=1)
    assert covered(line, line, 0.001) == 1
    assert covered(line, line[:1].expand(500, 2), 0.105) == pytest.approx(11 / 101)
    assert covered(line, torch.empty(0, 2), 0.1) == 0
    with pytest.raises(ValueError, match="radius above 0"):
        covered(line, line, 0.0)
