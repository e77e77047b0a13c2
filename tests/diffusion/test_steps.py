import math
from itertools import pairwise

import pytest
import torch

from course_utils import measure
from course_utils.diffusion import (
    Cosine,
    Denoiser,
    Flow,
    GaussianMixtureDenoiser,
    LinearBeta,
    Schedule,
    ancestral,
    ddim,
    dpm_solver_2m,
    gaussian_step,
    heun,
    posterior_std,
    sample,
)
from course_utils.records import Prediction, last


def test_ddpm_step_is_the_closed_posterior():
    # Ho et al. 2020, equations 6 and 7, with their 1000 betas.
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    alpha_bar = torch.cumprod(1 - betas, 0)

    i = 400
    x0, x_t = torch.randn(2, 5, 3, dtype=torch.float64)
    before, now, beta = alpha_bar[i - 2], alpha_bar[i - 1], betas[i - 1]
    mean = (before.sqrt() * beta * x0 + (1 - beta).sqrt() * (1 - before) * x_t) / (1 - now)
    std = ((1 - before) / (1 - now) * beta).sqrt()

    eps = (x_t - now.sqrt() * x0) / (1 - now).sqrt()
    alpha, sigma = before.sqrt().item(), (1 - before).sqrt().item()
    fresh = posterior_std(now.sqrt().item(), (1 - now).sqrt().item(), alpha, sigma)
    noise = torch.randn_like(x0)
    step = gaussian_step(Prediction(x0, eps), alpha, sigma, fresh=fresh, noise=noise)
    assert fresh == pytest.approx(float(std), rel=1e-9)
    torch.testing.assert_close(step, mean + std * noise)


def test_ddim_step_keeps_x0_and_eps():
    # Song et al. 2021, equation 12 with sigma = 0: only the noise level changes.
    x0, eps = torch.randn(2, 5, 3)
    step = gaussian_step(Prediction(x0, eps), 0.6, 0.8)
    torch.testing.assert_close(step, 0.6 * x0 + 0.8 * eps)


def test_flow_step_is_an_euler_step():
    x0, eps, t, s = *torch.randn(2, 5, 3), 0.7, 0.6
    x_t = (1 - t) * x0 + t * eps
    step = gaussian_step(Prediction(x0, eps), 1 - s, s)
    torch.testing.assert_close(step, x_t + (s - t) * (eps - x0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(fresh=0.9), r"fresh must lie in \[0, sigma_s\] = \[0, 0.6\]; got 0.9"),
        (dict(fresh=-0.1), "fresh must lie in"),
        (dict(fresh=float("nan")), "fresh must lie in"),
        (dict(fresh=0.3), "fresh = 0.3 needs noise"),
    ],
)
def test_a_step_refuses_fresh_noise_that_it_cannot_have(arguments, message):
    with pytest.raises(ValueError, match=message):
        gaussian_step(Prediction(torch.zeros(2, 2), torch.zeros(2, 2)), 0.8, 0.6, **arguments)


@pytest.mark.parametrize("levels", [(0.5, 0.0, 0.8, 0.6), (0.5, 0.5, 0.0, 0.6), (0.5, 0.5, 1, -1)])
def test_a_posterior_without_noise_or_data_is_refused(levels):
    with pytest.raises(ValueError, match="sigma_t > 0, alpha_s > 0"):
        posterior_std(*levels)


@pytest.mark.parametrize("eta", [-0.1, 2.0, float("nan")])
def test_eta_has_a_range(eta):
    with pytest.raises(ValueError, match=r"eta must lie in \[0, 1\]"):
        ancestral(eta)


# Whole runs against the papers' formulas, written out with plain numbers.

TIMES = [1.0, 0.8, 0.55, 0.4, 0.15, 0.0]


class Bent(torch.nn.Module):
    """A network that says some x0, not linear in the state and different at each time."""

    def forward(self, x, t):
        return (x * (1 + t[:, None])).tanh()


def bent(x, t):
    return torch.tanh(x * (1 + t))


def start():
    return torch.randn(6, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def states(step, schedule):
    model = Denoiser(Bent(), schedule, "x0")
    return [s.state for s in sample(model, (6, 2), step=step, times=TIMES, x_start=start())]


def compare(found, expected):
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)


def beta_levels(t):
    alpha_bar = math.exp(-(0.1 * t + 9.95 * t**2))
    return math.sqrt(alpha_bar), math.sqrt(1 - alpha_bar)


def test_ddim_goes_the_way_of_song_et_al():
    x, expected = start(), []
    for t, s in pairwise(TIMES):
        (alpha, sigma), (alpha_s, sigma_s) = beta_levels(t), beta_levels(s)
        eps = (x - alpha * bent(x, t)) / sigma
        x = alpha_s * bent(x, t) + sigma_s * eps
        expected.append(x)
    compare(states(ddim, LinearBeta()), expected)


def test_ancestral_goes_the_way_of_ho_et_al():
    x, expected, generator = start(), [], torch.Generator().manual_seed(1)
    for t, s in pairwise(TIMES):  # equations 6 and 7, of two times
        bar, bar_s = beta_levels(t)[0] ** 2, beta_levels(s)[0] ** 2
        beta = 1 - bar / bar_s
        mean = math.sqrt(bar_s) * beta / (1 - bar) * bent(x, t)
        mean = mean + math.sqrt(1 - beta) * (1 - bar_s) / (1 - bar) * x
        std = math.sqrt((1 - bar_s) / (1 - bar) * beta)
        noise = torch.randn(6, 2, dtype=torch.float64, generator=generator) if s else 0
        x = mean + std * noise
        expected.append(x)
    step = ancestral(generator=torch.Generator().manual_seed(1))
    compare(states(step, LinearBeta()), expected)


def test_dpm_solver_goes_the_way_of_lu_et_al():
    x, expected, old, h_old = start(), [], None, None
    for t, s in pairwise(TIMES[:-1]):  # algorithm 2
        (alpha, sigma), (alpha_s, sigma_s) = beta_levels(t), beta_levels(s)
        h = math.log(alpha_s / sigma_s) - math.log(alpha / sigma)
        now = data = bent(x, t)
        if old is not None:
            r = h_old / h
            data = (1 + 1 / (2 * r)) * now - 1 / (2 * r) * old
        x = sigma_s / sigma * x - alpha_s * math.expm1(-h) * data
        old, h_old = now, h
        expected.append(x)
    expected.append(bent(x, TIMES[-2]))  # to t = 0, where the step has no length in log SNR
    compare(states(dpm_solver_2m(), LinearBeta()), expected)


def test_heun_under_flow_is_heun_on_the_velocity():
    def velocity(x, t):
        return (x - bent(x, t)) / t  # eps - x0

    x, expected = start(), []
    for t, s in pairwise(TIMES):
        here = velocity(x, t)
        there = velocity(x + (s - t) * here, s) if s else here
        x = x + (s - t) / 2 * (here + there)
        expected.append(x)
    compare(states(heun, Flow()), expected)


class Growing(Schedule):
    """The noise of EDM: the data stays what it is."""

    def alpha(self, t):
        return torch.ones_like(torch.as_tensor(t))

    def sigma(self, t):
        return 5.0 * torch.as_tensor(t)


def test_heun_is_the_algorithm_of_karras_et_al_where_alpha_is_one():
    x, expected = start(), []
    for t, s in pairwise(TIMES):  # algorithm 1 without its churn
        slope = (x - bent(x, t)) / (5 * t)
        x_next = x + 5 * (s - t) * slope
        if s:
            x_next = x + 5 * (s - t) / 2 * (slope + (x_next - bent(x_next, s)) / (5 * s))
        x = x_next
        expected.append(x)
    compare(states(heun, Growing()), expected)


# One Gaussian N(mean, std^2): the path from noise to data is known. What is left after alpha mean
# is taken away scales with its standard deviation.

MEAN, STD = 1.0, 0.3


def gaussian(schedule):
    means = torch.full((1, 2), MEAN, dtype=torch.float64)
    return GaussianMixtureDenoiser(means, STD, schedule)


def path(x_start, schedule, t):
    def spread(alpha, sigma):
        return math.sqrt(alpha**2 * STD**2 + sigma**2)

    first, here = schedule.level(1.0), schedule.level(t)
    return here[0] * MEAN + (x_start - first[0] * MEAN) * spread(*here) / spread(*first)


@pytest.mark.parametrize("schedule", [LinearBeta(), Cosine(), Flow()], ids=repr)
@pytest.mark.parametrize(
    ("make", "order"), [(lambda: ddim, 1), (lambda: heun, 2), (dpm_solver_2m, 2)]
)
def test_orders_on_the_way(schedule, make, order):
    # On the way, at t = 1/4: to 0, where sigma begins like sqrt(t), all steps are of order 1.
    def error(num_steps):
        run = sample(gaussian(schedule), (6, 2), num_steps=num_steps, step=make(), x_start=start())
        state = next(step.state for step in run if step.t < 0.25 + 1e-9)
        return float((state - path(start(), schedule, 0.25)).abs().max())

    assert math.log2(error(40) / error(80)) == pytest.approx(order, abs=0.12)


@pytest.mark.parametrize("schedule", [LinearBeta(), Cosine(), Flow()], ids=repr)
@pytest.mark.parametrize(
    ("make", "order"), [(lambda: ddim, 1), (lambda: heun, 2), (dpm_solver_2m, 2)]
)
def test_orders_as_slopes_away_from_both_ends(schedule, make, order):
    # From the true state at 3/4 to 1/4: the slope of log error over log steps, and its error.
    z = start()

    def true_state(t):
        alpha, sigma = schedule.level(t)
        return alpha * MEAN + math.hypot(alpha * STD, sigma) * z

    numbers = [24, 48, 96, 192, 384]
    errors = []
    for number in numbers:
        options = dict(num_steps=number, step=make(), t_start=0.75, x_start=true_state(0.75))
        run = sample(gaussian(schedule), (6, 2), **options)
        state = next(step.state for step in run if step.t < 0.25 + 1e-9)
        errors.append(float((state - true_state(0.25)).abs().max()))
    x, y = (torch.tensor(v, dtype=torch.float64).log() for v in (numbers, errors))
    x, y = x - x.mean(), y - y.mean()
    slope = (x @ y) / (x @ x)
    error = ((y - slope * x).square().sum() / 3 / (x @ x)).sqrt()
    assert float(error) < 0.02
    assert float(-slope) == pytest.approx(order, abs=0.06)


def test_two_calls_a_step_are_counted():
    model = gaussian(Flow())
    with measure.counted_calls(model) as calls:
        steps = list(sample(model, (6, 2), num_steps=4, step=heun, x_start=start()))
    assert [step.calls for step in steps] == [2, 4, 6, 7]  # nothing is asked at t = 0
    assert calls.count == 7


@pytest.mark.parametrize("schedule", [Cosine(), Flow()], ids=repr)
def test_a_second_step_from_where_there_is_no_data_is_of_order_two(schedule):
    # From the true state at 1 - h, after a call at t = 1, whose log SNR is minus infinity.
    def error(h):
        step, model = dpm_solver_2m(), gaussian(schedule)
        step(model, start(), 1.0, 1 - h)
        state, _ = step(model, path(start(), schedule, 1 - h), 1 - h, 1 - 2 * h)
        return float((state - path(start(), schedule, 1 - 2 * h)).abs().max())

    assert math.log2(error(0.02) / error(0.01)) > 2.9  # a step of order 1 gives 2


def test_a_solver_forgets_the_run_before():
    step, model = dpm_solver_2m(), gaussian(Flow())
    first = last(sample(model, (6, 2), num_steps=5, step=step, x_start=start()))
    some = sample(model, (6, 2), num_steps=5, step=step, x_start=-start())
    next(some), next(some)  # and one that was stopped on its way
    again = last(sample(model, (6, 2), num_steps=5, step=step, x_start=start()))
    assert torch.equal(first.state, again.state)


def test_a_solver_keeps_two_runs_apart():
    step, model = dpm_solver_2m(), gaussian(Flow())
    runs = [sample(model, (6, 2), num_steps=5, step=step, x_start=x) for x in (start(), -start())]
    together = [pair[0].state for pair in zip(*runs, strict=True)]
    alone = sample(model, (6, 2), num_steps=5, step=dpm_solver_2m(), x_start=start())
    compare(together, [one.state for one in alone])


def test_a_solver_draws_no_line_over_a_gap():
    step, model = dpm_solver_2m(), gaussian(Flow())
    step(model, start(), 1.0, 0.8)
    state, _ = step(model, start(), 0.5, 0.4)  # it had not come here
    assert torch.equal(state, dpm_solver_2m()(model, start(), 0.5, 0.4)[0])


def test_a_reader_can_bring_a_step():
    def euler(model, x, t, s):
        said = model(x, t)
        x += (s - t) * (said.eps_hat - said.x0_hat)  # in place: it harms nobody
        return x, said

    x_start = start()
    found = list(sample(gaussian(Flow()), (6, 2), num_steps=8, step=euler, x_start=x_start))
    truth = list(sample(gaussian(Flow()), (6, 2), num_steps=8, x_start=start()))
    compare([step.state for step in found], [step.state for step in truth])
    assert torch.equal(x_start, start())


@pytest.mark.parametrize(
    "result", [torch.zeros(2, 2), (torch.zeros(3, 2), None), (None, torch.zeros(2, 2))]
)
def test_what_is_no_step_is_refused(result):
    run = sample(gaussian(Flow()), (2, 2), step=lambda model, x, t, s: result)
    with pytest.raises(ValueError, match=r"x_s of shape \(2, 2\) and the prediction"):
        next(run)


@pytest.mark.parametrize("maker", [ancestral, dpm_solver_2m])
def test_a_maker_of_steps_is_not_a_step(maker):
    with pytest.raises(ValueError, match=r"write step=ancestral\(\)"):
        sample(gaussian(Flow()), (2, 2), step=maker)


def test_noise_of_another_shape_is_refused_and_does_not_broadcast():
    prediction = Prediction(torch.zeros(4, 2), torch.zeros(4, 2))
    for noise in (torch.randn(2), torch.randn(1, 2), torch.randn(4, 4, 2)):
        with pytest.raises(ValueError, match=r"noise must have the shape of x, \(4, 2\); got"):
            gaussian_step(prediction, 0.8, 0.6, fresh=0.3, noise=noise)
    with pytest.raises(ValueError, match="alpha and sigma must be at least 0"):
        gaussian_step(prediction, -0.8, 0.6)


def test_an_ancestral_step_goes_to_less_noise():
    with pytest.raises(ValueError, match="goes to less noise"):
        posterior_std(0.8, 0.6, 0.6, 0.8)
    with pytest.raises(ValueError, match="goes to an earlier time; got t = 0.4 and s = 0.6"):
        ancestral()(gaussian(Flow()), start(), 0.4, 0.6)


@pytest.mark.parametrize("step", [ddim, heun, ancestral(), dpm_solver_2m()])
def test_no_step_leads_beyond_the_data(step):
    with pytest.raises(ValueError, match=r"t must lie in \[0, 1\]"):
        step(gaussian(Flow()), start(), 0.1, -0.1)


def test_a_solver_draws_no_line_through_a_batch_of_another_size():
    step, model = dpm_solver_2m(), gaussian(Flow())
    step(model, start()[:1], 1.0, 0.8)
    state, _ = step(model, start(), 0.8, 0.6)
    assert torch.equal(state, ddim(model, start(), 0.8, 0.6)[0])


@pytest.mark.parametrize(
    ("answer", "got"),
    [
        (lambda x, said: (x.int(), said), r"tuple of torch.int32 \(2, 2\), Prediction"),
        (lambda x, said: (x, None), "tuple of .*NoneType"),
        (lambda x, said: 3, "int"),
    ],
)
def test_half_a_step_is_refused(answer, got):
    run = sample(gaussian(Flow()), (2, 2), step=lambda model, x, t, s: answer(x, model(x, t)))
    with pytest.raises(ValueError, match=f"as two values; got {got}"):
        next(run)


def test_a_state_that_is_not_finite_is_refused():
    def broken(model, x, t, s):
        return x / (0.0 if s == 0.5 else 1.0), model(x, t)

    run = sample(gaussian(Flow()), (2, 2), num_steps=4, step=broken)
    next(run)
    with pytest.raises(ValueError, match="not finite"):
        next(run)
