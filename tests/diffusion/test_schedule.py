import math

import pytest
import torch

from course_utils.diffusion import Cosine, Flow, LinearBeta, discrete_betas

SCHEDULES = [LinearBeta(), Cosine(), Flow()]
TIMES = torch.linspace(0, 1, 1001, dtype=torch.float64)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_runs_from_data_to_noise(schedule):
    alpha, sigma = schedule.alpha(TIMES), schedule.sigma(TIMES)
    assert alpha[0] == 1
    assert sigma[0] == 0
    assert alpha[-1] < 0.01
    assert sigma[-1] == pytest.approx(1, abs=1e-4)
    assert bool((alpha.diff() < 0).all())
    assert bool((sigma.diff() > 0).all())


@pytest.mark.parametrize("schedule", [LinearBeta(), Cosine()], ids=repr)
def test_variance_is_preserved(schedule):
    variance = schedule.alpha(TIMES) ** 2 + schedule.sigma(TIMES) ** 2
    torch.testing.assert_close(variance, torch.ones_like(variance), rtol=0, atol=1e-12)


def test_linear_beta_is_the_limit_of_the_thousand_step_product():
    # Ho et al. 2020, section 4: beta from 1e-4 to 0.02 in 1000 steps.
    alpha_bar = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 0)
    continuous = LinearBeta().alpha_bar(TIMES[1:])
    assert float((alpha_bar - continuous).abs().max()) < 2e-3


def test_cosine_equals_the_thousand_step_product():
    # Nichol & Dhariwal 2021: the product telescopes, so up to the clipped last beta it is exact.
    def f(t):
        return math.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2

    betas = [min(0.999, 1 - f((i + 1) / 1000) / f(i / 1000)) for i in range(1000)]
    ours = discrete_betas(Cosine())
    torch.testing.assert_close(ours, torch.tensor(betas, dtype=torch.float64), rtol=0, atol=1e-9)
    alpha_bar = torch.cumprod(1 - ours, 0)
    torch.testing.assert_close(
        alpha_bar[:999], Cosine().alpha_bar(TIMES[1:-1]), rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_float32_keeps_its_digits_near_the_data(schedule):
    t = torch.tensor([1e-4, 1e-3, 1e-2])
    exact = schedule.sigma(t.double())
    torch.testing.assert_close(schedule.sigma(t).double(), exact, rtol=2e-3, atol=0)


def test_log_snr_is_what_it_says():
    t = torch.tensor([0.3])
    expected = torch.log((1 - t) ** 2 / t**2)
    torch.testing.assert_close(Flow().log_snr(t), expected)


@pytest.mark.parametrize(
    ("t", "message"),
    [
        (torch.tensor([0.5]), r"shape \(8,\), one time per example; got \(1,\).*expand"),
        (torch.full((8, 1), 0.5), r"shape \(8,\)"),
        (torch.full((8,), 1.5), r"lie in \[0, 1\].*1\.5"),
        (torch.full((8,), -0.1), r"lie in \[0, 1\]"),
        (torch.full((8,), float("nan")), r"lie in \[0, 1\]"),
        (torch.full((8,), 500), r"floating point.*t = \(i \+ 1\) / num_steps"),
    ],
)
def test_wrong_times_get_a_clear_error(t, message):
    with pytest.raises(ValueError, match=message):
        Cosine().at(t, torch.zeros(8, 2))


def test_betas_need_a_schedule_that_keeps_the_variance():
    with pytest.raises(ValueError, match=r"alpha\^2 \+ sigma\^2 = 1; got Flow"):
        discrete_betas(Flow())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LinearBeta(-1.0), "0 < beta_min <= beta_max; got beta_min=-1.0"),
        (lambda: LinearBeta(20.0, 0.1), "0 < beta_min <= beta_max"),
        (lambda: LinearBeta(0.1, float("inf")), "finite"),
        (lambda: LinearBeta(float("nan")), "0 < beta_min <= beta_max"),
        (lambda: Cosine(-0.1), r"offset must lie in \[0, 1\]; got -0.1"),
        (lambda: Cosine(float("nan")), r"offset must lie in \[0, 1\]"),
        (
            lambda: discrete_betas(Cosine(), 0),
            "num_steps must be a whole number, at least 1; got 0",
        ),
        (lambda: discrete_betas(Cosine(), max_beta=1.0), r"max_beta must lie in \(0, 1\); got 1.0"),
    ],
)
def test_settings_have_a_range(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_a_level_is_both_factors_in_double_precision(schedule):
    t = torch.tensor(0.3, dtype=torch.float64)
    assert schedule.level(0.3) == (schedule.alpha(t).item(), schedule.sigma(t).item())


@pytest.mark.parametrize(
    ("x", "given", "kept"),
    [
        (torch.bfloat16, None, torch.float32),
        (torch.float64, None, torch.float64),
        (torch.float32, torch.float64, torch.float64),
        (torch.float64, torch.float32, torch.float32),
        (torch.float32, torch.bfloat16, torch.float32),
    ],
)
def test_noise_levels_are_float32_or_what_is_asked_for(x, given, kept):
    t = 0.5 if given is None else torch.full((8,), 0.5, dtype=given)
    assert {factor.dtype for factor in Flow().at(t, torch.zeros(8, 2, dtype=x))} == {kept}
