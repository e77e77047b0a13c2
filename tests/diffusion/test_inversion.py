"""There and back again on exact denoisers: the error falls at the order of the solver."""

import math

import pytest
import torch

from course_utils.data import ring_mixture
from course_utils.diffusion import (
    Cosine,
    Denoiser,
    Flow,
    GaussianMixtureDenoiser,
    PointMLP,
    ancestral,
    ddim,
    dpm_solver_2m,
    heun,
    inpainting,
    invert,
    renoise,
    sample,
)
from course_utils.records import last


def ring(num=50):
    mixture = ring_mixture(std=0.3)
    x0 = mixture.sample(num, generator=torch.Generator().manual_seed(0)).double()
    return x0, GaussianMixtureDenoiser(mixture.means.double(), mixture.std, Flow())


def round_trip(model, x0, num_steps, make, t_end=1.0):
    times = torch.linspace(0, t_end, num_steps + 1, dtype=torch.float64).tolist()
    noise = last(invert(model, x0, times=times, step=make(), t_end=t_end)).state
    start = dict(x_start=noise, times=times[::-1], t_start=t_end, step=make())
    return float((last(sample(model, x0.shape, **start)).state - x0).square().mean().sqrt())


def slope(errors):
    """Fitted order: minus the slope of the log error over the log of the number of steps."""
    x = torch.tensor([math.log(n) for n in errors], dtype=torch.float64)
    y = torch.tensor([math.log(e) for e in errors.values()], dtype=torch.float64)
    return -float(((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum())


@pytest.mark.parametrize(
    ("make", "t_end", "order", "most"),
    [(lambda: ddim, 1.0, 1, 0.05), (lambda: heun, 1.0, 3, 1e-6), (dpm_solver_2m, 0.95, 2, 0.005)],
    ids=["ddim", "heun", "2m"],
)
def test_inversion_and_back_at_the_order_of_the_solver(make, t_end, order, most):
    # Heun's error of there and of back have opposite signs: an even order gains one this way.
    x0, model = ring()
    errors = {n: round_trip(model, x0, n, make, t_end) for n in (100, 200, 400)}
    assert slope(errors) == pytest.approx(order, abs=0.25), errors
    assert errors[400] < most


@pytest.mark.parametrize(
    ("make", "order"), [(lambda: ddim, 1), (lambda: heun, 2), (dpm_solver_2m, 2)]
)
def test_the_noise_itself_is_found_at_the_order_of_the_solver(make, order):
    # One Gaussian N(1, 0.5^2) under Flow: its path is known.
    model = GaussianMixtureDenoiser(torch.ones(1, 2, dtype=torch.float64), 0.5, Flow())
    x0, t = 1 + 0.5 * torch.linspace(-2, 2, 20, dtype=torch.float64).view(10, 2), 0.9
    truth = (1 - t) + (x0 - 1) / 0.5 * math.hypot((1 - t) * 0.5, t)
    errors = {}
    for n in (160, 320, 640):
        state = last(invert(model, x0, num_steps=n, step=make(), t_end=t)).state
        errors[n] = float((state - truth).abs().max())
    assert slope(errors) == pytest.approx(order, abs=0.35), errors


@pytest.mark.parametrize("schedule", [Cosine(), Flow()], ids=repr)
def test_the_noise_of_a_gaussian_is_known(schedule):
    # The path of one Gaussian scales what is left after its mean: to (x0 - mean) / std at t = 1.
    model = GaussianMixtureDenoiser(torch.ones(1, 2, dtype=torch.float64), 0.5, schedule)
    x0 = 1 + 0.5 * torch.randn(20, 2, dtype=torch.float64)
    noise = last(invert(model, x0, num_steps=400, step=heun)).state
    torch.testing.assert_close(noise, (x0 - 1) / 0.5, atol=0.01, rtol=0.01)


def test_the_model_is_not_asked_at_0_and_calls_are_counted():
    x0, model = ring(4)
    steps = list(invert(model, x0, num_steps=4, step=heun))
    assert [(step.t, step.calls) for step in steps] == [(0.25, 1), (0.5, 3), (0.75, 5), (1.0, 7)]
    assert not steps[-1].state.requires_grad


def test_x0_is_not_changed_and_is_promoted():
    x0 = torch.randn(4, 2, dtype=torch.bfloat16)
    kept = x0.clone()
    assert (
        last(invert(Denoiser(PointMLP(), Flow(), "v"), x0, num_steps=2)).state.dtype
        == torch.float32
    )
    assert torch.equal(x0, kept)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(num_steps=0), "num_steps must be a whole number, at least 1; got 0"),
        (dict(t_end=0.0), "t_end must lie in"),
        (dict(t_end=1.1), "t_end must lie in"),
        (dict(times=[1.0, 0.5, 0.0]), r"rise from 0 to t_end = 1; got \[1.0, 0.5.*times\[::-1\]"),
        (dict(times=[0.0, 0.5]), "rise from 0"),
        (dict(times=[0.1, 1.0]), "rise from 0"),
        (dict(times=[0.0, float("nan"), 1.0]), "rise from 0"),
        (dict(times=[]), "at least 2 numbers"),
        (dict(times=[0.0, 1.0], num_steps=2), "2 steps have 3 times; got 2"),
        (dict(step=dpm_solver_2m), r"write step=ancestral\(\)"),
        (dict(cond=torch.zeros(3)), "each of 4 examples"),
        (dict(step=dpm_solver_2m()), "no data is left.*t_end=0.99"),
    ],
)
def test_wrong_arguments_get_a_clear_error(options, message):
    with pytest.raises(ValueError, match=message):
        invert(Denoiser(PointMLP(), Flow(), "v"), torch.zeros(4, 2), **options)


def test_bytes_are_refused():
    with pytest.raises(ValueError, match="x0 must be floating.*127.5"):
        invert(Denoiser(PointMLP(), Flow(), "v"), torch.zeros(4, 2).byte())


def painted():
    return inpainting(ddim, torch.zeros(4, 2), torch.ones(4, 2) > 0)


@pytest.mark.parametrize("make", [ancestral, renoise, painted])
def test_steps_that_draw_noise_do_not_walk_backwards(make):
    model = Denoiser(PointMLP(), Cosine(), "v")
    with pytest.raises(ValueError, match=r"goes to an earlier time; .* use ddim or heun"):
        list(invert(model, torch.zeros(4, 2), num_steps=3, step=make(), t_end=0.9))


def test_times_may_be_a_tensor_or_an_iterator():
    x0, model = ring(4)
    times = [0.0, 0.25, 0.5, 1.0]
    ends = [
        last(invert(model, x0, times=way)).state
        for way in (times, torch.tensor(times, dtype=torch.float64), iter(times))
    ]
    assert all(torch.equal(ends[0], end) for end in ends)
    with pytest.raises(ValueError, match="times must be numbers"):
        invert(model, x0, times="0, 1")
