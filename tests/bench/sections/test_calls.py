"""Quality by calls, tried on samples of known worth: copies of real digits, and one digit."""

import pytest
import torch
from sections import calls

from course_utils import data, diffusion
from course_utils.measure import counted_calls


class Pixels:
    """A judge that has no features of its own."""

    def distance(self, x, y):
        return 0.0


@pytest.fixture
def digits(monkeypatch):
    monkeypatch.setattr(calls, "NUM_SAMPLES", 200)
    return data.load_digits(16)


def test_copies_of_real_digits_lie_at_the_floor_and_one_digit_lies_far(digits):
    distances = calls.Distances(digits, Pixels())
    known = diffusion.ExactDenoiser(digits.train.images, diffusion.Cosine())
    one = diffusion.ExactDenoiser(digits.train.images[:1], diffusion.Cosine())
    copies = distances.of(known, calls.ancestral, 20)["pixels"]
    repeated = distances.of(one, calls.ancestral, 20)["pixels"]
    assert len(copies) == len(calls.SEEDS)
    assert max(map(abs, copies)) < 10 * distances.scatter["pixels"] < min(repeated) / 10


@pytest.mark.parametrize("name", calls.SAMPLERS)
def test_every_sampler_makes_the_calls_that_it_is_named_for(name):
    torch.manual_seed(0)
    net = diffusion.UNet(widths=(8,))
    model = diffusion.Denoiser(net, diffusion.Cosine(), "v")
    options = calls.SAMPLERS[name](7, torch.Generator().manual_seed(0))
    with counted_calls(net) as counted:
        for _ in diffusion.sample(model, (2, 1, 8, 8), **options):
            pass
    assert counted.count == 7
