"""Surfaces: points lie on them, evenly, and distances are those of the nearest of many points."""

import math

import pytest
import torch

from course_utils.data import SURFACES, Cube, SwissRoll, Torus, random_clouds

each = pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES)


def points(surface, num=20_000, seed=0):
    return surface.sample(num, generator=torch.Generator().manual_seed(seed))


@each
def test_samples_lie_on_it_with_unit_variance(surface):
    drawn = points(surface)
    assert surface.distance(drawn).max() < 0.002
    assert drawn.var(dim=0).mean() == pytest.approx(1, abs=0.1)
    assert drawn.mean(dim=0).norm() < 0.45
    assert torch.equal(drawn, points(surface))


@each
def test_the_distance_is_that_to_the_nearest_of_many_points(surface):
    off = 1.5 * torch.randn(300, 3, generator=torch.Generator().manual_seed(1))
    nearest = torch.cdist(off, points(surface, 60_000, 2)).amin(dim=1)
    given = surface.distance(off)
    assert (nearest - given).min() > -0.003  # nothing sampled is nearer than it says
    assert (nearest - given).max() < 0.08  # and something sampled is about as near


def test_known_distances():
    torus, cube = Torus(ring=2.0, tube=0.5), Cube(half=1.0)
    places = torch.tensor([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [3.0, 0.0, 0.0], [0.0, 2.0, 1.5]])
    assert torus.distance(places).tolist() == pytest.approx([1.5, 0.5, 0.5, 1.0])
    places = torch.tensor([[0.0, 0.0, 0.0], [0.9, 0.0, 0.2], [2.0, 0.5, 0.0], [2.0, 2.0, 2.0]])
    assert cube.distance(places).tolist() == pytest.approx([1.0, 0.1, 1.0, math.sqrt(3)], abs=1e-6)
    roll = SwissRoll()
    edge = torch.tensor([0.0, roll.height / 2 + 1, 0.0])
    on_edge = points(roll, 1)[0] * torch.tensor([1.0, 0.0, 1.0]) + edge
    assert float(roll.distance(on_edge)) == pytest.approx(1, abs=0.002)


def test_the_points_of_a_torus_are_even_over_its_area():
    """Outside the ring there is more area than inside: 1/2 + tube / (pi ring) of it."""
    torus = Torus()
    outer = points(torus)[:, :2].norm(dim=1) > torus.ring
    expected = 0.5 + torus.tube / (math.pi * torus.ring)
    assert outer.float().mean() == pytest.approx(expected, abs=0.012)


def test_the_points_of_a_cube_and_of_a_roll_are_even_over_their_area():
    face = points(Cube()).abs().argmax(dim=1)
    assert torch.bincount(face).float().div(20_000).tolist() == pytest.approx(
        [1 / 3] * 3, abs=0.012
    )
    roll = SwissRoll()
    angle = points(roll)[:, [0, 2]].norm(dim=1) / roll.scale
    length = [(a * math.sqrt(1 + a * a) + math.asinh(a)) / 2 for a in (roll.first, 3 * math.pi)]
    last = roll.last
    whole = (last * math.sqrt(1 + last * last) + math.asinh(last)) / 2 - length[0]
    expected = (length[1] - length[0]) / whole
    assert (angle < 3 * math.pi).float().mean() == pytest.approx(expected, abs=0.012)


def test_fakes_are_far_from_a_torus():
    """A sphere, noise, the middle: off it. One place of it again and again: on it, by design."""
    torus, random = Torus(), torch.Generator().manual_seed(0)
    noise = torch.randn(2000, 3, generator=random)
    sphere = 3**0.5 * noise / noise.norm(dim=1, keepdim=True)
    others = [points(surface, 2000) for name, surface in SURFACES.items() if name != "torus"]
    for fake in (noise, sphere, torch.zeros(5, 3), *others):
        assert torus.distance(fake).mean() > 0.15
    assert torus.distance(points(torus, 1).expand(100, 3)).max() < 1e-5


def test_each_cloud_is_on_the_surface_of_its_label():
    clouds, labels = random_clouds(30, 50, generator=torch.Generator().manual_seed(0))
    assert clouds.shape == (30, 50, 3)
    for cloud, label in zip(clouds, labels, strict=True):
        away = [float(surface.distance(cloud).mean()) for surface in SURFACES.values()]
        assert away[int(label)] < 0.002
        assert sorted(away)[1] > 0.1
    assert set(labels.tolist()) == {0, 1, 2}


def test_clouds_of_no_points_are_refused():
    with pytest.raises(ValueError, match="at least 1; got 2 and 0"):
        random_clouds(2, 0, generator=torch.Generator())


@pytest.mark.parametrize("surface", SURFACES.values(), ids=list(SURFACES))
@pytest.mark.parametrize("shape", [(5, 2), (5, 4), ()])
def test_a_distance_is_of_points_in_space(surface, shape):
    with pytest.raises(ValueError, match=r"must have shape \(\.\.\., 3\)"):
        surface.distance(torch.zeros(shape))


def test_sizes_that_make_no_surface_are_refused():
    with pytest.raises(ValueError, match="0 < tube < ring"):
        Torus(0.5, 1.0)
    with pytest.raises(ValueError, match="above 0; got -1"):
        Cube(-1)
    with pytest.raises(ValueError, match="must be at least 1; got -1 and 4"):
        random_clouds(-1, 4, generator=torch.Generator())
