"""Inpainting against the exact conditional of a Gaussian; edits; arcs. Letters: N examples."""

import math

import pytest
import torch
from torch import nn

from course_utils import measure
from course_utils.diffusion import (
    Cosine,
    Denoiser,
    Flow,
    GaussianMixtureDenoiser,
    Guided,
    LinearBeta,
    PointMLP,
    add_noise,
    ancestral,
    ddim,
    dpm_solver_2m,
    edit,
    heun,
    inpainting,
    sample,
    slerp,
)
from course_utils.diffusion.editing import add_more_noise
from course_utils.records import Prediction, last

COV = torch.tensor([[1.0, 0.9, 0.6], [0.9, 1.0, 0.7], [0.6, 0.7, 1.0]], dtype=torch.float64)
KNOWN = 1.5  # the first coordinate; the other two are to be filled in


class Correlated(nn.Module):
    """The exact denoiser of one Gaussian with mean 0 and covariance COV."""

    def __init__(self, schedule):
        super().__init__()
        self.schedule = schedule

    def forward(self, x_t, t, cond=None):
        alpha, sigma = (float(factor.flatten()[0]) for factor in self.schedule.at(t, x_t))
        total = alpha**2 * COV + sigma**2 * torch.eye(3, dtype=torch.float64)
        x0_hat = alpha * x_t @ torch.linalg.solve(total, COV)
        return Prediction(x0_hat, (x_t - alpha * x0_hat) / sigma)


def exact_conditional():
    """Mean and covariance of the two others, given the first: the textbook's formula."""
    slope = COV[1:, 0] / COV[0, 0]
    return slope * KNOWN, COV[1:, 1:] - torch.outer(slope, COV[0, 1:])


def filled(schedule, step, num_steps, resample, number=8000):
    torch.manual_seed(0)
    known = torch.full((number, 3), KNOWN, dtype=torch.float64)
    mask = torch.tensor([True, False, False]).expand(number, 3)
    final = last(
        sample(
            Correlated(schedule),
            (number, 3),
            num_steps=num_steps,
            step=inpainting(step, known, mask, resample=resample),
            x_start=torch.randn(number, 3, dtype=torch.float64),
        )
    )
    rest = final.state[:, 1:]
    assert torch.equal(final.state[:, 0], known[:, 0])
    return rest.mean(0), rest.T.cov(), final.calls


@pytest.mark.parametrize("schedule", [Cosine(), Flow()], ids=repr)
def test_resampling_nears_the_exact_conditional_and_replacement_does_not(schedule):
    mean, cov = exact_conditional()  # 1.35 and 0.9
    found, spread, _ = filled(schedule, ancestral(), 40, 10, 4000)
    torch.testing.assert_close(found, mean, atol=0.12, rtol=0)
    torch.testing.assert_close(spread, cov, atol=0.15, rtol=0)
    for num_steps in (40, 400):  # as many calls do not help
        biased, wide, _ = filled(schedule, ancestral(), num_steps, 1, 4000)
        assert (biased < 0.75 * mean).all()
        assert wide[0, 0] > 1.3 * cov[0, 0]


@pytest.mark.parametrize("make", [lambda: ddim, lambda: heun, dpm_solver_2m, ancestral])
def test_at_as_many_calls_resampling_is_nearer(make):
    mean, _ = exact_conditional()
    plain, _, calls = filled(Cosine(), make(), 40, 1, 2000)
    nearer, _, as_many = filled(Cosine(), make(), 10, 4, 2000)
    assert as_many <= calls
    assert ((nearer - mean).abs() < 0.75 * (plain - mean).abs()).all()


def test_more_noise_is_the_forward_process():
    schedule = LinearBeta()
    x0 = torch.full((200_000, 1), 2.0, dtype=torch.float64)
    x_s, _ = add_noise(x0, 0.2, schedule)
    x_t = add_more_noise(x_s, schedule, 0.2, 0.5)
    alpha, sigma = schedule.level(0.5)
    assert float(x_t.mean()) == pytest.approx(2 * alpha, abs=0.01)
    assert float(x_t.std()) == pytest.approx(sigma, rel=0.01)
    assert measure.correlation(x_t, x_s) > 0.2  # not drawn from nothing


@pytest.mark.parametrize("resample", [1, 3])
@pytest.mark.parametrize("make", [lambda: ddim, lambda: heun, dpm_solver_2m, ancestral])
@pytest.mark.parametrize("schedule", [LinearBeta(), Cosine(), Flow()], ids=repr)
def test_known_values_come_back_bit_for_bit(schedule, make, resample):
    torch.manual_seed(0)
    model = Denoiser(PointMLP(), schedule, "v")
    known, mask = torch.randn(5, 2), torch.rand(5, 2) > 0.5
    step = inpainting(make(), known, mask, resample=resample)
    steps = list(sample(model, (5, 2), num_steps=4, step=step, clip=0.5))
    assert torch.equal(steps[-1].state[mask], known[mask])
    assert not torch.isclose(steps[-1].state[~mask], known[~mask]).any()
    if make() is not heun:
        assert steps[-1].calls == 3 * resample + 1


def test_on_the_way_known_values_have_the_noise_of_their_time():
    known = torch.full((4000, 2), 3.0)
    step = inpainting(ddim, known, torch.ones(4000, 2, dtype=torch.bool))
    model = GaussianMixtureDenoiser(torch.zeros(1, 2), 1.0, Cosine())
    for record in sample(model, (4000, 2), num_steps=4, step=step):
        alpha, sigma = Cosine().level(record.t)
        assert float(record.state.mean()) == pytest.approx(3 * alpha, abs=0.05)
        assert float(record.state.std()) == pytest.approx(sigma, abs=0.03)


def test_what_is_outside_the_mask_is_not_looked_at():
    known, mask = torch.randn(5, 2), torch.tensor([[True, False]]).expand(5, 2)
    spoiled = torch.where(mask, known, torch.nan)
    model = Denoiser(PointMLP(), Cosine(), "v")

    def end(values):
        torch.manual_seed(0)
        return last(sample(model, (5, 2), num_steps=3, step=inpainting(ddim, values, mask))).state

    assert torch.equal(end(known), end(spoiled))


def test_nothing_known_is_plain_sampling_and_generators_repeat():
    model, x = Denoiser(PointMLP(), Cosine(), "v"), torch.randn(5, 2)
    none = torch.zeros(5, 2, dtype=torch.bool)
    plain = last(sample(model, (5, 2), num_steps=4, x_start=x)).state
    step = inpainting(ddim, x, none)
    assert torch.equal(last(sample(model, (5, 2), num_steps=4, x_start=x, step=step)).state, plain)

    def end():
        step = inpainting(ddim, x, x > 0, resample=2, generator=torch.Generator().manual_seed(3))
        return last(sample(model, (5, 2), num_steps=4, x_start=x, step=step)).state

    assert torch.equal(end(), end())


@pytest.mark.parametrize(
    ("known", "mask", "options", "message"),
    [
        (torch.zeros(4, 2), torch.ones(4, 2), {}, "truth values .* got torch.float32"),
        (torch.zeros(4, 2), torch.ones(2) > 0, {}, r"\(4, 2\), .* shape \(2,\).*expand_as"),
        (torch.zeros(4, 2), torch.ones(1, 2) > 0, {}, r"shape \(1, 2\)"),
        (torch.zeros(4, 2), torch.ones(4, 2) > 0, dict(resample=0), "resample must be a whole"),
        (torch.zeros(4, 2), torch.ones(4, 2) > 0, dict(resample=1.5), "resample must be a whole"),
        (torch.zeros(4, 2).byte(), torch.ones(4, 2) > 0, {}, "known must be floating"),
        (torch.full((4, 2), math.nan), torch.ones(4, 2) > 0, {}, "known must be finite where"),
    ],
)
def test_masks_that_do_not_suit_are_refused(known, mask, options, message):
    with pytest.raises(ValueError, match=message):
        inpainting(ddim, known, mask, **options)


def test_what_is_known_must_have_the_shape_to_generate():
    step = inpainting(ddim, torch.zeros(1, 2), torch.ones(1, 2) > 0)
    with pytest.raises(ValueError, match=r"the shape to generate, \(4, 2\); got \(1, 2\)"):
        next(sample(Denoiser(PointMLP(), Cosine(), "v"), (4, 2), step=step))


def test_what_is_no_step_is_refused_inside_too():
    with pytest.raises(ValueError, match=r"write step=ancestral\(\)"):
        inpainting(ancestral, torch.zeros(4, 2), torch.ones(4, 2) > 0)
    step = inpainting(lambda model, x, t, s: x, torch.zeros(4, 2), torch.ones(4, 2) > 0)
    with pytest.raises(ValueError, match="a step must return x_s"):
        next(sample(Denoiser(PointMLP(), Cosine(), "v"), (4, 2), step=step))


# Partial noising


def test_an_edit_keeps_less_the_more_noise_it_begins_with():
    # One Gaussian: what is kept is a correlation, and it is known.
    # Noising keeps alpha x0 in x_t; the way back divides by the spread of x_t.
    model = GaussianMixtureDenoiser(torch.zeros(1, 1), 0.5, Cosine())
    x0 = 0.5 * torch.randn(20_000, 1, generator=torch.Generator().manual_seed(0))
    for t in (0.2, 0.5, 0.8):
        noise = torch.Generator().manual_seed(1)
        final = last(edit(model, x0, t, num_steps=100, generator=noise)).state
        alpha, sigma = Cosine().level(t)
        expected = 0.5 * alpha / math.hypot(0.5 * alpha, sigma)
        assert measure.correlation(final, x0) == pytest.approx(expected, abs=0.02)
        assert float(final.std()) == pytest.approx(0.5, rel=0.03)


def test_an_edit_takes_the_options_of_sample():
    torch.manual_seed(0)
    x0, times = torch.randn(4, 2), [0.6, 0.3, 0.0]
    model = Denoiser(PointMLP(), Flow(), "v")
    steps = list(edit(model, x0, 0.6, times=times, step=heun, clip=1.0))
    assert [(step.t, step.calls) for step in steps] == [(0.3, 2), (0.0, 3)]
    with pytest.raises(ValueError, match="t_start = 0.6 to 0"):
        edit(model, x0, 0.6, times=[1.0, 0.0])
    with pytest.raises(ValueError, match="t_start must lie in"):
        edit(model, x0, 0.0)
    with pytest.raises(ValueError, match="t must lie in"):
        edit(model, x0, 1.2)
    with pytest.raises(ValueError, match="guidance needs a condition"):
        next(edit(Guided(model, 2.0), x0, 0.5))


# Arcs


def test_slerp_by_hand():
    a, b = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 3.0]])
    third = slerp(a, b, 1 / 3)
    expected = [2 * math.sin(math.pi / 3), 3 * math.sin(math.pi / 6)]
    torch.testing.assert_close(third, torch.tensor([expected]))


def test_an_arc_is_as_long_as_noise_and_the_straight_line_is_not():
    a, b = torch.randn(2, 50, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    middle, straight = slerp(a, b, 0.5), (a + b) / 2
    assert float(middle.std()) == pytest.approx(1, abs=0.02)
    assert float(straight.std()) == pytest.approx(0.5**0.5, abs=0.02)
    torch.testing.assert_close(slerp(a, b, 0.0), a)
    torch.testing.assert_close(slerp(a, b, 1.0), b)
    alone = torch.cat([slerp(a[k : k + 1], b[k : k + 1], 0.3) for k in range(50)])
    torch.testing.assert_close(slerp(a, b, 0.3), alone)  # example by example


def test_slerp_of_parallel_states_is_the_straight_line():
    a = torch.randn(3, 4)
    torch.testing.assert_close(slerp(a, a, 0.3), a)
    torch.testing.assert_close(slerp(a, 3 * a, 0.5), 2 * a)
    torch.testing.assert_close(slerp(a, -a, 0.25), a / 2)
    torch.testing.assert_close(
        slerp(torch.zeros_like(a), a, 0.5).isfinite().all(), torch.tensor(True)
    )


def test_slerp_refuses_what_would_broadcast():
    with pytest.raises(ValueError, match=r"one shape \(B, ...\); got \(4, 2\) and \(1, 2\)"):
        slerp(torch.zeros(4, 2), torch.zeros(1, 2), 0.5)
    with pytest.raises(ValueError, match=r"one shape \(B, ...\); got \(2,\) and"):
        slerp(torch.zeros(2), torch.zeros(2), 0.5)
    for share in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="share must lie in"):
            slerp(torch.zeros(4, 2), torch.zeros(4, 2), share)


@pytest.mark.parametrize("t_start", [0.0, 1.2])
def test_an_edit_begins_at_a_time(t_start):
    with pytest.raises(ValueError, match="t_start must lie in"):
        edit(Denoiser(PointMLP(), Cosine(), "v"), torch.zeros(4, 2), t_start)


def test_an_edit_makes_its_own_start():
    with pytest.raises(ValueError, match="edit makes x_start from x0"):
        edit(Denoiser(PointMLP(), Cosine(), "v"), torch.zeros(4, 2), 0.5, x_start=torch.zeros(4, 2))


def test_between_opposite_states_is_the_straight_line():
    torch.manual_seed(0)
    a = torch.randn(50, 256)
    torch.testing.assert_close(slerp(a, -a, 0.25), 0.5 * a)
    torch.testing.assert_close(slerp(a, 2 * a, 0.25), 1.25 * a)


def test_states_between_which_an_arc_runs_are_numbers():
    with pytest.raises(ValueError, match="a must be floating point"):
        slerp(torch.ones(2, 3).long(), torch.ones(2, 3).long(), 0.5)
