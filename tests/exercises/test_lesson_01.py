"""Exercises of lesson 01: right answers in many hands pass, wrong ones do not."""

import math

import pytest
import torch

from course_utils.diffusion import Cosine, Flow, LinearBeta, add_noise
from course_utils.exercises import find
from course_utils.exercises.checks import grade
from course_utils.exercises.lesson_01.noisier import noisier
from course_utils.exercises.lesson_01.same_noise import same_noise
from course_utils.exercises.lesson_01.variance import variance_after

# 01.1


def by_formula(variance, betas):
    share = (1 - betas).cumprod(0)
    return 1 + share * (variance - 1)


def by_loop(variance, betas):
    v, after = float(variance), []
    for beta in betas.tolist():
        v = v * (1 - beta) + beta
        after.append(v)
    return torch.tensor(after)


def by_filling(variance, betas):
    after = torch.empty_like(betas)
    for i in range(len(betas)):
        before = after[i - 1] if i else variance
        after[i] = torch.sqrt(1 - betas[i]) ** 2 * before + torch.sqrt(betas[i]) ** 2
    return after


def by_products(variance, betas):
    shares = torch.stack([torch.prod(1 - betas[: i + 1]) for i in range(len(betas))])
    return shares * variance + (1 - shares)


def in_double(variance, betas):
    share = torch.cumprod(1 - betas.double(), dim=0)
    return share * variance.double() + 1 - share


def by_logarithms(variance, betas):
    return 1 + (variance - 1) * torch.log1p(-betas).cumsum(0).exp()


# 01.2


def shaped(factor, x):
    return factor.reshape(len(x), *[1] * (x.dim() - 1))


def by_shares(x_s, s, t, eps, schedule):
    a = schedule.alpha(t) / schedule.alpha(s)
    var = schedule.sigma(t).pow(2) - a.pow(2) * schedule.sigma(s).pow(2)
    return shaped(a, x_s) * x_s + shaped(torch.sqrt(var), x_s) * eps


def by_example(x_s, s, t, eps, schedule):
    out = []
    for i in range(len(x_s)):
        a = schedule.alpha(t[i]) / schedule.alpha(s[i])
        b = (schedule.sigma(t[i]) ** 2 - (a * schedule.sigma(s[i])) ** 2) ** 0.5
        out.append(a * x_s[i] + b * eps[i])
    return torch.stack(out)


def by_last_axis(x_s, s, t, eps, schedule):
    a = schedule.alpha(t) / schedule.alpha(s)
    b = (schedule.sigma(t) ** 2 - a**2 * schedule.sigma(s) ** 2).clamp(min=0).sqrt()
    return (a * x_s.movedim(0, -1) + b * eps.movedim(0, -1)).movedim(-1, 0)


def by_einsum(x_s, s, t, eps, schedule):
    a = schedule.alpha(t) / schedule.alpha(s)
    b = (schedule.sigma(t).square() - (a * schedule.sigma(s)).square()).sqrt()
    return torch.einsum("b,b...->b...", a, x_s) + torch.einsum("b,b...->b...", b, eps)


def by_product_of_sum_and_difference(x_s, s, t, eps, schedule):
    a, sigma = schedule.alpha(t) / schedule.alpha(s), schedule.sigma(t)
    old = a * schedule.sigma(s)
    return shaped(a, x_s) * x_s + shaped(((sigma - old) * (sigma + old)).sqrt(), x_s) * eps


def by_noise_to_signal(x_s, s, t, eps, schedule):
    def noise_to_signal(u):
        return (schedule.sigma(u) / schedule.alpha(u)) ** 2

    clean_size = x_s / shaped(schedule.alpha(s), x_s)  # x0 plus noise
    added = (noise_to_signal(t) - noise_to_signal(s)).sqrt()
    return shaped(schedule.alpha(t), x_s) * (clean_size + shaped(added, x_s) * eps)


def by_falling_ratio(x_s, s, t, eps, schedule):
    kept = (schedule.log_snr(t) - schedule.log_snr(s)).exp()  # of the noise in x_t
    a, b = schedule.alpha(t) / schedule.alpha(s), schedule.sigma(t) * (1 - kept).sqrt()
    return torch.vmap(lambda a, b, x, e: a * x + b * e)(a, b, x_s, eps)


def by_method_at(x_s, s, t, eps, schedule):
    (a_s, sigma_s), (a_t, sigma_t) = schedule.at(s, x_s), schedule.at(t, x_s)
    return a_t / a_s * x_s + (sigma_t**2 - (a_t / a_s * sigma_s) ** 2).sqrt() * eps


# 01.3


def by_halving(t, schedule, other):
    low, high, wanted = t * 0, t * 0 + 1, schedule.log_snr(t)
    for _ in range(30):
        middle = (low + high) / 2
        noisy = other.log_snr(middle) <= wanted
        high[noisy], low[~noisy] = middle[noisy], middle[~noisy]
    return high


def one_by_one(t, schedule, other):
    found = []
    for wanted in schedule.log_snr(t):
        low, high = 0.0, 1.0
        while high - low > 1e-5:
            middle = (low + high) / 2
            if other.log_snr(torch.tensor(middle)) > wanted:
                low = middle
            else:
                high = middle
        found.append(low)
    return torch.tensor(found)


def by_ratio(t, schedule, other):
    wanted = schedule.sigma(t) / schedule.alpha(t)
    low, high = torch.zeros_like(t), torch.ones_like(t)
    for _ in range(25):
        middle = 0.5 * (low + high)
        clean = other.sigma(middle) < wanted * other.alpha(middle)
        low, high = torch.where(clean, middle, low), torch.where(clean, high, middle)
    return low


def by_fine_grid(t, schedule, other):
    grid = torch.linspace(1e-4, 1 - 1e-4, 20_000)
    return grid[(other.log_snr(grid)[None] - schedule.log_snr(t)[:, None]).abs().argmin(1)]


def by_searchsorted(t, schedule, other):
    grid = torch.linspace(1e-4, 1 - 1e-4, 20_000)
    return grid[torch.searchsorted(-other.log_snr(grid), -schedule.log_snr(t))]


def by_shrinking_steps(t, schedule, other):
    time, step, wanted = torch.full_like(t, 0.5), 0.25, schedule.log_snr(t)
    for _ in range(20):
        time = time + step * torch.sign(other.log_snr(time) - wanted)
        step /= 2
    return time


def by_newton(t, schedule, other):
    time, wanted = torch.full_like(t, 0.5), schedule.log_snr(t)
    for _ in range(60):
        time.requires_grad_()
        found = other.log_snr(time)
        (slope,) = torch.autograd.grad(found.sum(), time)
        time = (time - (found - wanted) / slope).detach().clamp(1e-4, 1 - 1e-4)
    return time


RIGHT = {
    "01.1": [by_formula, by_loop, by_filling, by_products, in_double, by_logarithms],
    "01.2": [
        by_shares,
        by_example,
        by_last_axis,
        by_einsum,
        by_product_of_sum_and_difference,
        by_noise_to_signal,
        by_falling_ratio,
        by_method_at,
    ],
    "01.3": [
        by_halving,
        one_by_one,
        by_ratio,
        by_fine_grid,
        by_searchsorted,
        by_shrinking_steps,
        by_newton,
    ],
}


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [(exercise, answer) for exercise, answers in RIGHT.items() for answer in answers],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_right_answer_passes_in_any_form(exercise, answer):
    mark = grade(find(exercise), answer)
    assert mark.verdict == "passed", mark.details


def sigma_of_one_schedule_kind(x_s, s, t, eps, schedule):
    def sigma(u):
        return (1 - schedule.alpha(u) ** 2).sqrt()

    a = schedule.alpha(t) / schedule.alpha(s)
    return shaped(a, x_s) * x_s + shaped((sigma(t) ** 2 - (a * sigma(s)) ** 2).sqrt(), x_s) * eps


def images_only(x_s, s, t, eps, schedule):
    a = (schedule.alpha(t) / schedule.alpha(s))[:, None, None, None]
    b = (
        schedule.sigma(t)[:, None, None, None] ** 2
        - (a * schedule.sigma(s)[:, None, None, None]) ** 2
    )
    return a * x_s + b.sqrt() * eps


def first_time_for_all(x_s, s, t, eps, schedule):
    return by_method_at(x_s, s[:1].expand(len(s)), t[:1].expand(len(t)), eps, schedule)


def own_noise(x_s, s, t, eps, schedule):
    return by_method_at(x_s, s, t, torch.randn(x_s.shape), schedule)


def in_place(x_s, s, t, eps, schedule):
    x_s *= shaped(schedule.alpha(t) / schedule.alpha(s), x_s)
    missing = (
        schedule.sigma(t) ** 2 - (schedule.alpha(t) / schedule.alpha(s) * schedule.sigma(s)) ** 2
    )
    x_s += shaped(missing.sqrt(), x_s) * eps
    return x_s


def as_if_clean(x_s, s, t, eps, schedule):
    alpha, sigma = schedule.at(t, x_s)
    return alpha * x_s + sigma * eps


def two_hundred_steps(variance, betas):
    share = torch.cumprod(1 - torch.linspace(5e-4, 0.1, 200), 0)
    return (share * variance + 1 - share)[: len(betas)]


def one_minus_root(variance, betas):
    after = []
    for beta in betas:
        variance = (1 - beta.sqrt()) ** 2 * variance + beta
        after.append(variance)
    return torch.stack(after)


def by_time_difference(x_s, s, t, eps, schedule):
    return by_method_at(x_s, torch.zeros_like(s), t - s, eps, schedule)


def clean_data_recovered(x_s, s, t, eps, schedule):
    (a_s, sigma_s), (a_t, sigma_t) = schedule.at(s, x_s), schedule.at(t, x_s)
    return a_t * (x_s - sigma_s * eps) / a_s + sigma_t * eps  # eps is not the noise in x_s


def spreads_added(variance, betas):
    spread, after = float(variance) ** 0.5, []
    for beta in betas.tolist():
        spread = math.sqrt(1 - beta) * spread + math.sqrt(beta)
        after.append(spread**2)
    return torch.tensor(after)


def one_interval_for_all(t, schedule, other):
    low, high = torch.zeros_like(t), torch.ones_like(t)
    for _ in range(30):
        middle = (low + high) / 2
        if (other.log_snr(middle) > schedule.log_snr(t)).all():
            low = middle
        else:
            high = middle
    return middle


WRONG = [
    ("01.1", spreads_added, "do not add"),
    (
        "01.1",
        lambda variance, betas: 1 + (variance - 1) * (-betas.cumsum(0)).exp(),
        "expected 2.08, got 2.348",
    ),
    ("01.2", by_time_difference, "starts at time 0"),
    ("01.2", clean_data_recovered, "variances do"),
    ("01.3", one_interval_for_all, "3 of 4 values differ"),
    ("01.1", lambda variance, betas: variance * torch.ones_like(betas), "never changes"),
    ("01.1", lambda variance, betas: variance + torch.cumsum(betas, 0), "only adds"),
    ("01.1", lambda variance, betas: torch.ones(len(betas)), "data of variance 1"),
    ("01.1", one_minus_root, "not 1 - sqrt(beta)"),
    ("01.1", two_hundred_steps, "expected 2.08, got 3.991"),
    (
        "01.1",
        lambda variance, betas: list(by_formula(variance, betas).sqrt()),
        "expected tensor([3.7, 3.16, 2.08])",
    ),
    (
        "01.1",
        lambda variance, betas: by_formula(variance, betas.flip(0)).flip(0),
        "expected 3.7, got 2.08",
    ),
    ("01.1", lambda variance, betas: print(by_formula(variance, betas)), "did you forget return?"),
    ("01.2", sigma_of_one_schedule_kind, "Flow is not like that"),
    ("01.2", images_only, "as many axes as x_s has"),
    ("01.2", first_time_for_all, "4 of 6 values differ"),
    ("01.2", own_noise, "Use eps"),
    ("01.2", in_place, "in place"),
    ("01.2", as_if_clean, "jumps from clean data"),
    (
        "01.2",
        lambda x_s, s, t, eps, schedule: add_noise(x_s, t, schedule)[0],
        "does it draw its own random numbers",
    ),
    (
        "01.2",
        lambda x_s, s, t, eps, schedule: by_method_at(x_s, t, s, eps, schedule),
        "s and t are swapped",
    ),
    ("01.3", lambda t, schedule, other: t.clone(), "same time"),
    ("01.3", lambda t, schedule, other: (-schedule.log_snr(t) / 2).sigmoid(), "on Flow"),
    ("01.3", lambda t, schedule, other: by_halving(t, other, schedule), "swapped"),
    (
        "01.3",
        lambda t, schedule, other: by_halving(t[:1], schedule, other),
        "expected shape (4,), got (1,)",
    ),
    (
        "01.3",
        lambda t, schedule, other: by_halving(t, schedule, other).mean().expand(len(t)),
        "4 of 4 values differ",
    ),
    ("01.3", lambda t, schedule, other: 1 - by_halving(t, schedule, other), "4 of 4 values differ"),
]


@pytest.mark.parametrize(("exercise", "answer", "words"), WRONG)
def test_a_wrong_answer_is_refused_in_words_that_name_it(exercise, answer, words):
    mark = grade(find(exercise), answer)
    said = " ".join(mark.details)
    assert mark.verdict == "not right yet"
    assert words in said, said


def test_an_endless_halving_ends():
    def never_equal(t, schedule, other):
        low, high = torch.zeros_like(t), torch.ones_like(t)
        while (high - low).max() > 0.1:
            middle = (low + high) / 2  # and neither end moves
        return middle

    mark = grade(find("01.3"), never_equal)
    assert mark.verdict == "not right yet"
    assert "while (high - low)" in " ".join(mark.details)


# The references themselves


def test_variance_after_is_what_simulated_steps_have():
    generator = torch.Generator().manual_seed(0)
    x = 2 * torch.randn(400_000, generator=generator)
    betas = torch.tensor([0.1, 0.2, 0.5])
    for beta, expected in zip(betas, variance_after(torch.tensor(4.0), betas), strict=True):
        x = (1 - beta).sqrt() * x + beta.sqrt() * torch.randn(x.shape, generator=generator)
        assert math.isclose(float(x.var()), float(expected), rel_tol=0.01)


def test_noisier_on_a_straight_line_by_hand():
    # Flow, 0.2 -> 0.6: alpha falls from 0.8 to 0.4; 0.6^2 - (0.5 * 0.2)^2 = 0.35 is missing.
    x_s, eps = torch.tensor([[3.0, -1.0]]), torch.tensor([[2.0, 0.0]])
    x_t = noisier(x_s, torch.tensor([0.2]), torch.tensor([0.6]), eps, Flow())
    torch.testing.assert_close(x_t, torch.tensor([[1.5 + 2 * math.sqrt(0.35), -0.5]]))


def test_times_of_equal_noise_in_closed_form():
    # On Flow (1 - t) / t is the ratio, so t = sigma / (alpha + sigma).
    t = torch.tensor([0.1, 0.5, 0.9])
    for schedule in (LinearBeta(), Cosine()):
        expected = schedule.sigma(t) / (schedule.alpha(t) + schedule.sigma(t))
        torch.testing.assert_close(same_noise(t, schedule, Flow()), expected, atol=1e-5, rtol=0)
