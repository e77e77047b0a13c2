"""Points against the geometry and the moments that they must have."""

import math

import numpy as np
import pytest
import torch

from course_utils.data import Mixture, moons, ring, ring_mixture, spiral

NUM = 40_000


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("num_modes", [3, 8, 25])
@pytest.mark.parametrize("std", [0.02, 0.1, 0.5])
def test_the_ring_has_unit_variance_in_closed_form(num_modes, std):
    mixture = ring_mixture(num_modes, std=std)
    means = mixture.means.double()
    covariance = means.T @ means / num_modes + std**2 * torch.eye(2)
    assert torch.allclose(means.mean(0), torch.zeros(2).double(), atol=1e-6)
    assert torch.allclose(covariance, torch.eye(2).double(), atol=1e-5)


def test_ring_points_lie_around_their_modes_as_often_as_the_weights_say():
    weights = torch.tensor([0.5, 0.3, 0.2])
    mixture = Mixture(torch.tensor([[0.0, 9.0], [9.0, 0.0], [-9.0, 0.0]]), 0.5, weights)
    points = mixture.sample(NUM, generator=seeded())
    nearest = torch.cdist(points, mixture.means).argmin(1)
    share = nearest.bincount(minlength=3) / NUM
    assert ((share - weights).abs() < 4 * (weights * (1 - weights) / NUM).sqrt()).all()
    around = points - mixture.means[nearest]
    assert around.std(0).sub(0.5).abs().max() < 4 * 0.5 / math.sqrt(2 * NUM)


def test_ring_radius_can_be_chosen():
    assert torch.allclose(ring_mixture(5, radius=3.0).means.norm(dim=1), torch.full((5,), 3.0))
    points = ring(1000, 4, radius=5.0, std=0.01, generator=seeded())
    assert (points.norm(dim=1) - 5).abs().max() < 0.06


def test_moons_lie_on_two_half_circles():
    points = moons(2000, noise=0.0, generator=seeded())
    # In closed form the curve has mean (1/2, 1/4) and variances 3/4 and 9/16 - 1/pi.
    x = points[:, 0] * math.sqrt(3 / 4) + 0.5
    y = points[:, 1] * math.sqrt(9 / 16 - 1 / math.pi) + 0.25
    upper = (x**2 + y**2 - 1).abs().where(y >= -1e-3, torch.inf)
    lower = ((x - 1) ** 2 + (y - 0.5) ** 2 - 1).abs().where(y <= 0.501, torch.inf)
    assert torch.minimum(upper, lower).max() < 2e-3
    assert abs((upper < lower).double().mean() - 0.5) < 4 * 0.5 / math.sqrt(2000)


@pytest.mark.parametrize("turns", [1.0, 1.5, 3.25])
def test_the_angle_of_the_spiral_follows_its_radius(turns):
    points = spiral(2000, turns=turns, noise=0.0, generator=seeded()).double().numpy()
    radius = np.sqrt((np.arange(10**6) + 0.5) / 10**6)
    curve = radius * np.exp(2j * np.pi * turns * radius)
    z = points[:, 0] * curve.real.std() + curve.real.mean()
    z = z + 1j * (points[:, 1] * curve.imag.std() + curve.imag.mean())
    off_curve = np.abs(z - np.abs(z) * np.exp(2j * np.pi * turns * np.abs(z)))
    assert off_curve.max() < 0.02
    # Evenly along its length, which grows like the square of the radius.
    assert abs((np.abs(z) ** 2).mean() - 0.5) < 4 / math.sqrt(12 * 2000)


@pytest.mark.parametrize("make", [ring, moons, spiral])
def test_sets_are_standardised_seeded_and_float32(make):
    points = make(NUM, generator=seeded(1))
    assert points.shape == (NUM, 2)
    assert points.dtype == torch.float32
    assert points.mean(0).abs().max() < 4 / math.sqrt(NUM)
    assert points.var(0).sub(1).abs().max() < 0.02
    assert torch.equal(points, make(NUM, generator=seeded(1)))
    assert not torch.equal(points, make(NUM, generator=seeded(2)))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: ring_mixture(0), "num_modes must be at least 1"),
        (lambda: ring_mixture(std=1.5), "std must lie between 0 and 1"),
        (lambda: Mixture(torch.zeros(3, 2), 0.1, torch.ones(2) / 2), r"got \(3, 2\) and \(2,\)"),
        (lambda: Mixture(torch.zeros(2, 2), 0.0, torch.ones(2) / 2), "std must be above 0"),
        (lambda: Mixture(torch.zeros(2, 2), 0.1, torch.ones(2)), "Divide them by their sum"),
        (lambda: Mixture(torch.zeros(2, 2), 0.1, torch.tensor([1.5, -0.5])), "minimum of -0.5"),
        (lambda: moons(5, noise=1.0, generator=seeded()), "noise must be at least 0"),
        (lambda: spiral(5, turns=0, generator=seeded()), "turns must be above 0"),
    ],
)
def test_wrong_arguments_are_explained(make, says):
    with pytest.raises(ValueError, match=says):
        make()
