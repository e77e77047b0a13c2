"""Drawings: areas and middles in closed form, the same brush for all, seeded."""

import math

import pytest
import torch

from course_utils.data import INK, SHAPES, draw_scenes, placed_scenes, read_caption, related_scenes
from course_utils.data.shapes import cover


def drawn(scenes, seed=0, side=16):
    return draw_scenes(scenes, side=side, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kind", range(len(SHAPES)))
@pytest.mark.parametrize("area", [13.0, 27.0])
def test_every_shape_covers_its_area_around_its_centre(kind, area):
    centre = torch.tensor([7.3, 8.6])
    ink = cover(torch.tensor(kind), centre, torch.tensor(area), 16)
    axis = torch.arange(16) + 0.5
    assert ink.sum() == pytest.approx(area, rel=0.03)
    middle = [(ink.sum(0) @ axis) / ink.sum(), (ink.sum(1) @ axis) / ink.sum()]
    assert middle == pytest.approx(centre.tolist(), abs=0.05)


@pytest.mark.parametrize(
    ("kind", "spread"), [(0, 1 / (2 * math.pi)), (1, 1 / 6), (2, 1 / (3 * math.sqrt(3)))]
)
def test_second_moments_are_those_of_the_shape(kind, spread):
    """The mean squared distance from the middle, over the area: closed forms."""
    ink = cover(torch.tensor(kind), torch.tensor([16.0, 16.0]), torch.tensor(200.0), 32)
    axis = torch.arange(32) + 0.5 - 16
    square = axis[None] ** 2 + axis[:, None] ** 2
    assert (ink * square).sum() / ink.sum() ** 2 == pytest.approx(spread, rel=0.01)


def test_what_lies_outside_or_has_no_area_covers_nothing():
    nothing = cover(torch.zeros(2).long(), torch.full((2, 2), 8.0), torch.zeros(2), 16)
    assert not nothing.any()


def test_the_ink_is_pure_and_the_ground_black():
    images = drawn(placed_scenes())
    assert images.shape == (96, 3, 16, 16)
    assert images.dtype == torch.float32
    assert images.min() == -1
    assert images.max() == 1
    for scene, image in zip(placed_scenes(), images, strict=True):
        light = (image + 1) / 2
        strength = light.amax(0)
        ink = torch.tensor(INK[scene.colour]).float()[:, None, None]
        assert torch.allclose(light, ink * strength)
        assert strength.max() == 1


def test_the_size_says_the_area_and_the_shape_does_not():
    scenes = placed_scenes() * 20
    areas = ((drawn(scenes) + 1) / 2).amax(1).sum((1, 2))
    for size, area in (("small", 13.0), ("large", 27.0)):
        for shape in SHAPES:
            chosen = [s.size == size and s.shape == shape for s in scenes]
            found = areas[torch.tensor(chosen)]
            assert found.mean() == pytest.approx(area, rel=0.03)
            assert (found.max() / found.min()) > 1.2


def test_two_things_never_touch():
    for scene, image in zip(related_scenes(), drawn(related_scenes()), strict=True):
        light = (image + 1) / 2
        along = light.amax((0, 1)) if scene.relation.endswith("of") else light.amax((0, 2))
        assert along[7:9].min() < 0.25


def test_the_same_seed_draws_the_same_and_another_another():
    scenes = [read_caption("a red circle left of a blue square"), placed_scenes()[0]]
    assert torch.equal(drawn(scenes), drawn(scenes))
    assert not torch.equal(drawn(scenes), drawn(scenes, seed=1))


def test_a_larger_side_draws_the_same_larger():
    small, large = drawn(placed_scenes()), drawn(placed_scenes(), side=32)
    halved = torch.nn.functional.avg_pool2d(large, 2)
    assert (halved - small).abs().mean() < 0.02


@pytest.mark.parametrize(
    ("scenes", "side", "message"),
    [([], 16, "at least one scene"), (placed_scenes(), 7, "side must be at least 12")],
)
def test_what_cannot_be_drawn_is_refused(scenes, side, message):
    with pytest.raises(ValueError, match=message):
        drawn(scenes, side=side)
