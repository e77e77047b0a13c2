import math
from itertools import pairwise

import pytest
import torch

from course_utils.diffusion import (
    Cosine,
    Flow,
    GaussianMixtureDenoiser,
    LinearBeta,
    dpm_solver_2m,
    sample,
    times_even,
    times_even_in_snr,
    times_karras,
    times_quadratic,
)
from course_utils.diffusion.times import time_of_log_snr

GRIDS = [times_even, times_quadratic, times_even_in_snr, times_karras]
# The linear schedule ends at a noise ratio of 152, the cosine at one of infinity, as flow does.
SCHEDULES = [LinearBeta(), Cosine(), Flow()]
each_schedule = pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)


@each_schedule
@pytest.mark.parametrize("grid", GRIDS)
def test_every_grid_falls_from_1_to_0_in_as_many_steps_as_asked(grid, schedule):
    for num_steps in (3, 10, 101):
        times = grid(schedule, num_steps)
        assert len(times) == num_steps + 1
        assert times[0] == 1.0
        assert times[-1] == 0.0
        assert all(t > s for t, s in pairwise(times))
    model = GaussianMixtureDenoiser(torch.ones(1, 2), 0.3, schedule)
    ends = list(sample(model, (5, 2), times=grid(schedule, 6), step=dpm_solver_2m()))
    assert ends[-1].calls == 6


def test_even_and_quadratic_in_numbers():
    assert times_even(Flow(), 4) == [1.0, 0.75, 0.5, 0.25, 0.0]
    assert times_quadratic(Flow(), 4) == [1.0, 0.5625, 0.25, 0.0625, 0.0]
    assert times_even(Flow(), 1) == times_quadratic(Flow(), 1) == [1.0, 0.0]


@each_schedule
def test_even_in_log_snr(schedule):
    times = times_even_in_snr(schedule, 9, -5.0, 5.0)
    log_snr = schedule.log_snr(torch.tensor(times[1:-1], dtype=torch.float64))
    wanted = torch.linspace(-5, 5, 8, dtype=torch.float64)
    torch.testing.assert_close(log_snr, wanted, atol=1e-6, rtol=0)


@each_schedule
def test_karras_in_the_noise_ratio(schedule):
    # Equation 5, written out, with sigma_max and sigma_min of the paper.
    times = times_karras(schedule, 19)
    alpha, sigma = (
        f(torch.tensor(times[1:-1], dtype=torch.float64)) for f in (schedule.alpha, schedule.sigma)
    )
    wanted = [(80 ** (1 / 7) + i / 17 * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7 for i in range(18)]
    wanted = torch.tensor(wanted, dtype=torch.float64)
    torch.testing.assert_close(sigma / alpha, wanted, atol=0, rtol=1e-6)


def test_karras_with_rho_of_1_spaces_the_ratio_and_with_a_large_one_its_logarithm():
    times = times_karras(Flow(), 6, low=0.5, high=4.5, rho=1)
    assert times[1:-1] == pytest.approx([r / (1 + r) for r in (4.5, 3.5, 2.5, 1.5, 0.5)])
    large = times_karras(Flow(), 6, low=math.exp(-2), high=math.exp(2), rho=1e5)
    assert large[1:-1] == pytest.approx(times_even_in_snr(Flow(), 6, -4, 4)[1:-1], abs=1e-4)


def test_the_time_of_a_log_snr_under_flow_is_a_sigmoid():
    log_snr = torch.tensor([[-8.0, -1.0], [0.0, 9.0]], dtype=torch.float64)
    found = time_of_log_snr(Flow(), log_snr)
    torch.testing.assert_close(found, torch.sigmoid(-log_snr / 2), atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    ("grid", "least"),
    [(times_even, 1), (times_quadratic, 1), (times_even_in_snr, 3), (times_karras, 3)],
)
def test_too_few_steps_are_refused(grid, least):
    for number in (least - 1, 2.5, -3):
        with pytest.raises(ValueError, match=f"num_steps must be .* at least {least}; got"):
            grid(Cosine(), number)


@pytest.mark.parametrize("low_high", [(3.0, -3.0), (-50.0, 6.0), (-7.0, float("nan"))])
def test_a_log_snr_that_the_schedule_has_not_got_is_refused(low_high):
    with pytest.raises(ValueError, match=r"log SNRs low < high between -10.0 and \d"):
        times_even_in_snr(LinearBeta(), 10, *low_high)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(low=0.0), "noise ratios must be above 0; got low=0, high=80"),
        (dict(low=-1.0), "noise ratios must be above 0"),
        (dict(low=9.0, high=2.0), "expected log SNRs low < high"),
        (dict(high=1000.0), "expected log SNRs low < high between -10.0"),
        (dict(rho=0.5), "rho must be a number of at least 1, EDM's is 7; got 0.5"),
        (dict(rho=math.inf), "rho must be a number"),
        (dict(rho=1e17), "Above 1e6.*use times_even_in_snr"),
        (dict(rho=math.nan), "rho must be a number"),
    ],
)
def test_karras_refuses_what_cannot_be(options, message):
    with pytest.raises(ValueError, match=message):
        times_karras(LinearBeta(), 10, **options)
