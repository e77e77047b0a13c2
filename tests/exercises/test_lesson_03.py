"""Exercises of lesson 03: right answers in many hands pass, wrong ones do not."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from answering import each, require_passed, require_refused

# 03.1


def by_lerp(u, low, high, rho):
    ends = [torch.tensor(end) ** (1 / rho) for end in (high, low)]
    return torch.lerp(*ends, u) ** rho


def by_weights(u, low, high, rho):
    return ((1 - u) * high ** (1 / rho) + u * low ** (1 / rho)).pow(rho)


def by_logs(u, low, high, rho):
    first, final = math.exp(math.log(high) / rho), math.exp(math.log(low) / rho)
    return (rho * (first + u * (final - first)).log()).exp()


def by_loop(u, low, high, rho):
    power = 1 / rho
    levels = [(high**power + share * (low**power - high**power)) ** rho for share in u.tolist()]
    return torch.tensor(levels)


def by_numpy(u, low, high, rho):
    roots = high ** (1 / rho) + u.numpy() * (low ** (1 / rho) - high ** (1 / rho))
    return torch.from_numpy(np.power(roots, rho))


def in_double(u, low, high, rho):
    return by_weights(u.double(), low, high, rho).float()


def even_shares(u, low, high, rho):
    return torch.linspace(high ** (1 / rho), low ** (1 / rho), len(u)) ** rho


def linear(u, low, high, rho):
    return high + u * (low - high)


def in_log_snr(u, low, high, rho):
    return torch.exp(math.log(high) + u * (math.log(low) - math.log(high)))


def rising(u, low, high, rho):
    return (low ** (1 / rho) + u * (high ** (1 / rho) - low ** (1 / rho))) ** rho


def always_seven(u, low, high, rho):
    return by_weights(u, low, high, 7)


def root_forgotten(u, low, high, rho):
    return (high + u * (low - high)) ** rho


def roots_only(u, low, high, rho):
    return (1 - u) * high ** (1 / rho) + u * low ** (1 / rho)


def with_a_zero(u, low, high, rho):
    return torch.cat([by_weights(u, low, high, rho), torch.zeros(1)])


def squares(u, low, high, rho):
    return by_weights(u, low, high, 2)


def changes_u(u, low, high, rho):
    return u.mul_(low ** (1 / rho) - high ** (1 / rho)).add_(high ** (1 / rho)) ** rho


# 03.2


def step(denoise, x, t, s, schedule):
    guess = denoise(x, t)
    noise = (x - schedule.alpha(t) * guess) / schedule.sigma(t)
    return schedule.alpha(s) * guess + schedule.sigma(s) * noise


def by_hand(denoise, x, t, s, schedule):
    one = step(denoise, x, t, s, schedule)
    two = x
    for a, b in pairwise([t, 0.5 * (t + s), s]):
        two = step(denoise, two, a, b, schedule)
    e = one - two
    return two - e, (e.reshape(len(x), -1) ** 2).sum(1).sqrt()


def asked_three_times(denoise, x, t, s, schedule):
    mid = s + (t - s) / 2
    guess = denoise(x, t)
    eps = (x - schedule.alpha(t) * guess) / schedule.sigma(t)
    one = schedule.alpha(s) * guess + schedule.sigma(s) * eps
    half = schedule.alpha(mid) * guess + schedule.sigma(mid) * eps
    two = step(denoise, half, mid, s, schedule)
    return one + 2 * (two - one), torch.linalg.vector_norm((one - two).flatten(1), dim=1)


def by_ratio(denoise, x, t, s, schedule):
    def go(x, t, s):
        ratio = schedule.sigma(s) / schedule.sigma(t)
        return ratio * x + (schedule.alpha(s) - ratio * schedule.alpha(t)) * denoise(x, t)

    mid = (t + s) / 2
    one, two = go(x, t, s), go(go(x, t, mid), mid, s)
    axes = tuple(range(1, x.ndim))
    return 2 * two - one, (one - two).square().sum(dim=axes).sqrt()


def by_velocity(denoise, x, t, s, schedule):
    def go(x, t, s):
        x0 = denoise(x, t)
        eps = (x - schedule.alpha(t) * x0) / schedule.sigma(t)
        dalpha, dsigma = (
            schedule.alpha(s) - schedule.alpha(t),
            schedule.sigma(s) - schedule.sigma(t),
        )
        return x + dalpha * x0 + dsigma * eps

    one, two = go(x, t, s), go(go(x, t, (t + s) / 2), (t + s) / 2, s)
    return two + (two - one), torch.stack([(a - b).norm() for a, b in zip(two, one, strict=True)])


def tuple_as_list(denoise, x, t, s, schedule):
    state, error = by_hand(denoise, x, t, s, schedule)
    return state, error.clone()


def variant(change):
    def answer(denoise, x, t, s, schedule):
        one = step(denoise, x, t, s, schedule)
        half = step(denoise, x, t, (t + s) / 2, schedule)
        return change(one, step(denoise, half, (t + s) / 2, s, schedule))

    return answer


def size(d):
    return d.flatten(1).norm(dim=1)


two_alone = variant(lambda one, two: (two, size(two - one)))
one_alone = variant(lambda one, two: (one, size(two - one)))
richardson_of_order_two = variant(lambda one, two: ((4 * two - one) / 3, size(two - one) / 3))
largest_coordinate = variant(lambda one, two: (2 * two - one, (two - one).flatten(1).abs().amax(1)))
sum_of_coordinates = variant(lambda one, two: (2 * two - one, (two - one).flatten(1).abs().sum(1)))
last_axis_only = variant(lambda one, two: (2 * two - one, (two - one).norm(dim=-1)))
half_the_error = variant(lambda one, two: (2 * two - one, size(two - one) / 2))
root_mean = variant(
    lambda one, two: (2 * two - one, (two - one).flatten(1).square().mean(1).sqrt())
)
too_far = variant(lambda one, two: (3 * two - 2 * one, size(two - one)))


def three_thirds(denoise, x, t, s, schedule):
    one, many = step(denoise, x, t, s, schedule), x
    for a, b in pairwise([t, t - (t - s) / 3, t - 2 * (t - s) / 3, s]):
        many = step(denoise, many, a, b, schedule)
    return 2 * many - one, size(many - one)


def keeps_the_variance(denoise, x, t, s, schedule):
    def go(x, t, s):
        guess = denoise(x, t)
        eps = (x - schedule.alpha(t) * guess) / (1 - schedule.alpha(t) ** 2).sqrt()
        return schedule.alpha(s) * guess + (1 - schedule.alpha(s) ** 2).sqrt() * eps

    one, two = go(x, t, s), go(go(x, t, (t + s) / 2), (t + s) / 2, s)
    return 2 * two - one, size(two - one)


# 03.3


def up_and_down(denoise, x, times, ups, schedule, zs):
    for k in range(len(ups)):
        t, up, s = times[k], ups[k], times[k + 1]
        shrink = schedule.alpha(up) / schedule.alpha(t)
        add = (schedule.sigma(up) ** 2 - shrink**2 * schedule.sigma(t) ** 2).clamp(min=0)
        x = step(denoise, shrink * x + add**0.5 * zs[k], up, s, schedule)
    return x


def in_edm_units(denoise, x, times, ups, schedule, zs):
    for k, z in enumerate(zs):
        t, up, s = times[k], ups[k], times[k + 1]
        ratios = [schedule.sigma(time) / schedule.alpha(time) for time in (t, up)]
        scaled = x / schedule.alpha(t) + (ratios[1] ** 2 - ratios[0] ** 2).clamp(min=0).sqrt() * z
        x = schedule.alpha(up) * scaled
        guess = denoise(x, up)
        eps = (x - schedule.alpha(up) * guess) / schedule.sigma(up)
        x = schedule.alpha(s) * guess + schedule.sigma(s) * eps
    return x


def where_it_goes_up(denoise, x, times, ups, schedule, zs):
    for (t, s), up, z in zip(pairwise(times), ups, zs, strict=True):
        if up > t:
            f = schedule.alpha(up) / schedule.alpha(t)
            x = f * x + torch.sqrt(schedule.sigma(up) ** 2 - (f * schedule.sigma(t)) ** 2) * z
        x = step(denoise, x, up, s, schedule)
    return x


def by_recursion(denoise, x, times, ups, schedule, zs):
    if not ups:
        return x
    first = up_and_down(denoise, x, times[:2], ups[:1], schedule, zs[:1])
    return by_recursion(denoise, first, times[1:], ups[1:], schedule, zs[1:])


def down_by_ratio(denoise, x, times, ups, schedule, zs):
    for t, s, up, z in zip(times[:-1], times[1:], ups, zs, strict=True):
        f = schedule.alpha(up) / schedule.alpha(t)
        x = (
            f * x
            + (schedule.sigma(up).square() - (f * schedule.sigma(t)).square()).abs().sqrt() * z
        )
        r = schedule.sigma(s) / schedule.sigma(up)
        x = r * x + (schedule.alpha(s) - r * schedule.alpha(up)) * denoise(x, up)
    return x


def churn(up):
    def answer(denoise, x, times, ups, schedule, zs):
        for (t, s), high, z in zip(pairwise(times), ups, zs, strict=True):
            f = schedule.alpha(high) / schedule.alpha(t)
            x = step(denoise, up(x, t, high, z, f, schedule), high, s, schedule)
        return x

    return answer


def only_ddim(denoise, x, times, ups, schedule, zs):
    for t, s in pairwise(times):
        x = step(denoise, x, t, s, schedule)
    return x


def ancestral_instead(denoise, x, times, ups, schedule, zs):
    for (t, s), z in zip(pairwise(times), zs, strict=True):
        guess = denoise(x, t)
        eps = (x - schedule.alpha(t) * guess) / schedule.sigma(t)
        ratio = schedule.alpha(t) * schedule.sigma(s) / (schedule.alpha(s) * schedule.sigma(t))
        fresh = schedule.sigma(s) * (1 - ratio**2).clamp(min=0).sqrt()
        kept = (schedule.sigma(s) ** 2 - fresh**2).clamp(min=0).sqrt()
        x = schedule.alpha(s) * guess + kept * eps + fresh * z
    return x


edm_only = churn(
    lambda x, t, up, z, f, sch: x + (sch.sigma(up) ** 2 - sch.sigma(t) ** 2).clamp(min=0).sqrt() * z
)
variance_added = churn(
    lambda x, t, up, z, f, sch: f * x + (sch.sigma(up) ** 2 - (f * sch.sigma(t)) ** 2) * z
)
sigma_difference = churn(lambda x, t, up, z, f, sch: f * x + (sch.sigma(up) - sch.sigma(t)) * z)
beta_step = churn(lambda x, t, up, z, f, sch: f * x + (1 - f**2).clamp(min=0).sqrt() * z)
full_noise = churn(lambda x, t, up, z, f, sch: f * x + sch.sigma(up) * z)
upside_down = churn(
    lambda x, t, up, z, f, sch: (
        x / f + (sch.sigma(up) ** 2 - (f * sch.sigma(t)) ** 2).clamp(min=0).sqrt() * z
    )
)


def own_noise(denoise, x, times, ups, schedule, zs):
    return up_and_down(denoise, x, times, ups, schedule, [torch.randn_like(z) for z in zs])


def all_states(denoise, x, times, ups, schedule, zs):
    states = []
    for k in range(len(ups)):
        x = up_and_down(denoise, x, times[k : k + 2], ups[k : k + 1], schedule, zs[k : k + 1])
        states.append(x)
    return states


def last_step_forgotten(denoise, x, times, ups, schedule, zs):
    return up_and_down(denoise, x, times[:-1], ups[:-1], schedule, zs[:-1])


def no_clamp_but_right(denoise, x, times, ups, schedule, zs):
    for (t, s), up, z in zip(pairwise(times), ups, zs, strict=True):
        f = schedule.alpha(up) / schedule.alpha(t)
        missing = max(0.0, float(schedule.sigma(up) ** 2 - (f * schedule.sigma(t)) ** 2))
        x = step(denoise, f * x + missing**0.5 * z, up, s, schedule)
    return x


RIGHT = {
    "03.1": [by_lerp, by_weights, by_logs, by_loop, by_numpy, in_double],
    "03.2": [by_hand, asked_three_times, by_ratio, by_velocity, tuple_as_list],
    "03.3": [
        up_and_down,
        in_edm_units,
        where_it_goes_up,
        by_recursion,
        down_by_ratio,
        no_clamp_but_right,
    ],
}
WRONG = {
    "03.1": [
        even_shares,
        linear,
        in_log_snr,
        rising,
        always_seven,
        root_forgotten,
        roots_only,
        with_a_zero,
        squares,
        changes_u,
    ],
    "03.2": [
        two_alone,
        one_alone,
        richardson_of_order_two,
        largest_coordinate,
        sum_of_coordinates,
        last_axis_only,
        half_the_error,
        root_mean,
        too_far,
        three_thirds,
        keeps_the_variance,
    ],
    "03.3": [
        only_ddim,
        ancestral_instead,
        edm_only,
        variance_added,
        sigma_difference,
        beta_step,
        full_noise,
        upside_down,
        own_noise,
        all_states,
        last_step_forgotten,
    ],
}


@pytest.mark.parametrize(("exercise", "answer"), each(RIGHT))
def test_a_right_answer_passes(exercise, answer):
    require_passed(exercise, answer)


@pytest.mark.parametrize(("exercise", "answer"), each(WRONG))
def test_a_wrong_answer_does_not(exercise, answer):
    require_refused(exercise, answer)
