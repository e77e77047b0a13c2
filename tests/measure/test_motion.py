"""The instrument for clips: on lines that are known, and on fakes."""

import pytest
import torch

from course_utils.data import load_digits, moving_digits
from course_utils.measure import covered, likeness, track


def clips(num=100):
    images = load_digits(10).train
    return moving_digits(*images, num, generator=torch.Generator().manual_seed(0))


def test_the_velocity_is_the_one_that_moved_them():
    frames, velocities, _ = clips()
    found = track(frames, threshold=0)
    assert torch.allclose(found.velocity.float(), velocities, atol=1e-4)
    assert found.strays.max() < 1e-4
    assert found.flicker.max() < 1e-4
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
    assert track(halves).flicker.median() > 3 * honest.flicker.median()
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
    with pytest.raises(ValueError, match=r"got \(101, 2\), \(5, 3\)"):
        covered(line, torch.zeros(5, 3), 0.1)


def ten():
    images, labels = load_digits(10).train
    return torch.stack([images[labels == k][0] for k in range(10)])


def test_a_shape_is_known_wherever_it_stands():
    shapes, labels = ten(), torch.arange(10)
    real = moving_digits(shapes, labels, 50, generator=torch.Generator().manual_seed(0))
    found = likeness(real.frames, shapes)
    assert found.shape == (50, 8, 10)
    assert bool((found.argmax(2) == real.labels[:, None]).all())
    own = found.gather(2, real.labels[:, None, None].expand(-1, 8, 1))
    assert own.max() < 1 + 1e-9
    assert own.min() > 0.8  # between pixels a shape is blurred
    whole = torch.full((1, 3, 1, 16, 16), -1.0)
    whole[0, :, :, 4:14, 1:11] = shapes[3]
    assert likeness(whole, shapes)[0, :, 3].tolist() == pytest.approx([1, 1, 1])


def test_likeness_on_fakes():
    shapes, labels = ten(), torch.arange(10)

    def moving(turn):
        kinds = shapes.roll(turn, 0), labels.roll(turn)
        return moving_digits(*kinds, 50, generator=torch.Generator().manual_seed(0))

    real, other = moving(0), moving(5)  # on the same ways
    halves = torch.cat([real.frames[:, :4], other.frames[:, 4:]], dim=1)
    read = likeness(halves, shapes).argmax(2)
    assert bool((read[:, :4] == real.labels[:, None]).all())
    assert bool((read[:, 4:] == other.labels[:, None]).all())
    noise = likeness(torch.rand(real.frames.shape) * 2 - 1, shapes)
    assert noise.max() < 0.8
    blank = real.frames.clone()
    blank[0, 2] = -1
    assert bool(likeness(blank, shapes)[0, 2].isnan().all())


@pytest.mark.parametrize(
    ("frames", "shapes", "says"),
    [
        ((2, 8, 16, 16), (10, 1, 10, 10), r"got \(2, 8, 16, 16\)"),
        ((2, 8, 3, 16, 16), (10, 1, 10, 10), r"\(2, 8, 3, 16, 16\)"),
        ((2, 8, 1, 16, 16), (10, 10, 10), r"and \(10, 10, 10\)"),
        ((2, 8, 1, 16, 16), (10, 1, 17, 10), r"and \(10, 1, 17, 10\)"),
    ],
)
def test_wrong_shapes_of_frames_or_shapes_are_explained(frames, shapes, says):
    with pytest.raises(ValueError, match=says):
        likeness(torch.ones(frames), torch.ones(shapes))


def test_a_blank_shape_is_like_nothing():
    with pytest.raises(ValueError, match="needs some ink"):
        likeness(torch.ones(2, 3, 1, 8, 8), torch.full((2, 1, 4, 4), -1.0))


def test_bytes_are_no_frames():
    with pytest.raises(ValueError, match="floating point in"):
        track(torch.zeros(2, 8, 1, 4, 4, dtype=torch.uint8))
