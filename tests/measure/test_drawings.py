"""The detector reads true drawings, and no shape in fakes: blanks, noise, halves, two, rings."""

import pytest
import torch

from course_utils.data import INK, draw_scenes, placed_scenes, read_caption, related_scenes
from course_utils.measure import see

SCENES = placed_scenes() * 5


def drawn(scenes, seed=0, side=16):
    return draw_scenes(scenes, side=side, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def images():
    return drawn(SCENES)


def read(images):
    """The one thing of each drawing, or None."""
    return [things[0] if len(things) == 1 else None for things in see(images, INK)]


@pytest.mark.parametrize("side", [16, 28])
def test_true_drawings_are_read(side):
    right = [
        (thing.colour, thing.shape) == (scene.colour, scene.shape)
        for scene, thing in zip(SCENES, read(drawn(SCENES, side=side)), strict=True)
    ]
    assert sum(right) >= 0.985 * len(right)


def test_areas_and_middles_are_near_those_of_the_drawing(images):
    for scene, thing in zip(SCENES, read(images), strict=True):
        assert thing.area == pytest.approx({"small": 13, "large": 27}[scene.size], rel=0.35)
        assert thing.x == pytest.approx(11.5 if "right" in scene.place else 4.5, abs=1.4)
        assert thing.y == pytest.approx(11.5 if "bottom" in scene.place else 4.5, abs=1.4)


def test_two_things_of_two_colours_are_read():
    scenes = related_scenes()
    right = 0
    for scene, things in zip(scenes, see(drawn(scenes), INK), strict=True):
        right += {(t.colour, t.shape) for t in things} == {scene.first, scene.second}
    assert right >= 0.96 * len(scenes)


def test_some_noise_does_not_matter(images):
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    shapes = [thing and thing.shape for thing in read(images + 0.1 * noise)]
    assert sum(s == scene.shape for s, scene in zip(shapes, SCENES, strict=True)) > 460


def test_nothing_is_seen_where_nothing_is():
    assert see(torch.full((2, 3, 16, 16), -1.0), INK) == [[], []]
    assert see(torch.empty(0, 3, 16, 16), INK) == []


def test_noise_has_no_shape():
    noise = torch.randn(100, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert not any(thing.shape for things in see(noise, INK) for thing in things)


def test_two_of_one_colour_are_no_shape(images):
    other = [(k + 7) % len(SCENES) for k in range(len(SCENES))]
    chosen = [
        k
        for k, j in enumerate(other)
        if SCENES[k].colour == SCENES[j].colour and SCENES[k].place != SCENES[j].place
    ]
    both = torch.maximum(images, images[other])[chosen]
    assert len(chosen) > 50
    assert not any(thing.shape for things in see(both, INK) for thing in things)


def test_half_a_shape_is_seldom_one(images):
    halves = images.clone()
    for image, thing in zip(halves, read(images), strict=True):
        image[:, :, : round(thing.x)] = -1
    shapes = [things[0].shape for things in see(halves, INK) if things]
    assert sum(shape is not None for shape in shapes) < 0.15 * len(shapes)


def test_a_ring_and_a_cross_are_no_shape():
    axis = torch.arange(16) - 7.5
    radius = (axis[None] ** 2 + axis[:, None] ** 2).sqrt()
    ring = ((radius < 4.5) & (radius > 2.5)).float()
    cross = ((axis[None].abs() < 1.1) & (axis[:, None].abs() < 4)).float()
    cross = torch.maximum(cross, cross.T)
    for fake in (ring, cross):
        image = torch.stack([2 * fake - 1, -torch.ones(16, 16), -torch.ones(16, 16)])
        (thing,) = see(image[None], INK)[0]
        assert thing.shape is None


def test_a_shape_of_two_colours_is_two_things():
    image = drawn([read_caption("a large red square at the top left")])[0]
    image[2, :, :4] = image[0, :, :4]
    image[0, :, :4] = -1
    things = see(image[None], INK)[0]
    assert {thing.colour for thing in things} == {"red", "blue"}


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(2, 1, 16, 16), r"must have shape \(N, 3, S, S\); got \(2, 1, 16, 16\)"),
        (torch.zeros(3, 16, 16), "must have shape"),
        (torch.zeros(2, 3, 16, 8), "must have shape"),
        (torch.full((1, 3, 16, 16), float("nan")), "hold NaN"),
    ],
)
def test_what_is_no_drawing_is_refused(images, message):
    with pytest.raises(ValueError, match=message):
        see(images, INK)


def test_an_empty_palette_is_refused():
    with pytest.raises(ValueError, match="one ink at least"):
        see(torch.zeros(1, 3, 16, 16), {})
