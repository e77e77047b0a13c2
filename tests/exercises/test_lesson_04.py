"""Exercises of lesson 04: right answers in many hands pass, wrong ones do not."""

import math
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from answering import each, require_passed, require_refused

from course_utils.diffusion import slerp

# 04.1


def by_axes(none, label, scale, share):
    guess = none + scale * (label - none)
    axes = tuple(range(1, guess.ndim))
    factor = label.std(axes, keepdim=True) / guess.std(axes, keepdim=True)
    return guess * (share * factor + 1 - share)


def by_flattening(none, label, scale, share):
    guess = (1 - scale) * none + scale * label
    flat, target = guess.flatten(1), label.flatten(1)
    factor = target.std(1) / flat.std(1)
    mixed = share * factor[:, None] * flat + (1 - share) * flat
    return mixed.view_as(none)


def by_variance(none, label, scale, share):
    guess = torch.lerp(none, label, scale)
    ratio = (label.flatten(1).var(1) / guess.flatten(1).var(1)).sqrt()
    shrunk = guess * ratio.reshape([-1] + [1] * (guess.ndim - 1))
    return torch.lerp(guess, shrunk, share)


def with_n_below(none, label, scale, share):  # the same ratio
    guess = none + scale * (label - none)
    axes = tuple(range(1, guess.ndim))
    factor = label.std(axes, correction=0, keepdim=True) / guess.std(
        axes, correction=0, keepdim=True
    )
    return share * factor * guess + (1 - share) * guess


def one_by_one(none, label, scale, share):
    found = []
    for n, y in zip(none, label, strict=True):
        g = n + scale * (y - n)
        found.append(share * g * y.std() / g.std() + (1 - share) * g)
    return torch.stack(found)


def plain_guidance(none, label, scale, share):
    return none + scale * (label - none)


def for_images_only(none, label, scale, share):
    guess = none + scale * (label - none)
    factor = label.std((1, 2, 3), keepdim=True) / guess.std((1, 2, 3), keepdim=True)
    return share * factor * guess + (1 - share) * guess


def each_channel(none, label, scale, share):
    guess = none + scale * (label - none)
    factor = label.std(-1, keepdim=True) / guess.std(-1, keepdim=True)
    return share * factor * guess + (1 - share) * guess


def whole_batch(none, label, scale, share):
    guess = none + scale * (label - none)
    return share * guess * label.std() / guess.std() + (1 - share) * guess


def in_place(none, label, scale, share):
    guess = none.add_(scale * (label - none))
    return one_by_one(guess, label, 0.0, share)


def by_norms(none, label, scale, share):
    guess = none + scale * (label - none)
    factor = label.flatten(1).norm(dim=1) / guess.flatten(1).norm(dim=1)
    factor = factor.reshape(-1, *[1] * (guess.ndim - 1))
    return share * factor * guess + (1 - share) * guess


def never_stretched(none, label, scale, share):
    guess = none + scale * (label - none)
    axes = tuple(range(1, guess.ndim))
    factor = (label.std(axes, keepdim=True) / guess.std(axes, keepdim=True)).clamp(max=1)
    return share * factor * guess + (1 - share) * guess


def scale_shrunk(none, label, scale, share):
    return none + scale * share * (label - none)


# 04.2


def by_pooling(denoise, small, x, times, schedule):
    factor = x.shape[3] // small.shape[3]
    for t, s in pairwise(times):
        x0 = denoise(x, x.new_full((len(x),), t))
        wrong = small - F.avg_pool2d(x0, factor)
        x0 = x0 + F.interpolate(wrong, scale_factor=factor, mode="nearest")
        eps = (x - schedule.alpha(t) * x0) / schedule.sigma(t)
        x = schedule.alpha(s) * x0 + schedule.sigma(s) * eps
    return x


def by_views(denoise, small, x, times, schedule):
    batch, channels, h, w = small.shape
    factor = x.shape[2] // h
    for k in range(len(times) - 1):
        t, s = times[k], times[k + 1]
        x0 = denoise(x, torch.full((batch,), t)).view(batch, channels, h, factor, w, factor)
        x0 = x0 - x0.mean((3, 5), keepdim=True) + small[:, :, :, None, :, None]
        x0 = x0.reshape(x.shape)
        ratio = schedule.sigma(s) / schedule.sigma(t)
        x = ratio * x + (schedule.alpha(s) - ratio * schedule.alpha(t)) * x0
    return x


def by_kron(denoise, small, x, times, schedule):
    factor = x.shape[-1] // small.shape[-1]
    block = torch.ones(1, 1, factor, factor)
    for t, s in pairwise(times):
        x0 = denoise(x, torch.full((len(x),), float(t)))
        x0 = x0 + torch.kron(small - F.avg_pool2d(x0, (factor, factor)), block)
        eps = (x - float(schedule.alpha(t)) * x0) / float(schedule.sigma(t))
        x = float(schedule.alpha(s)) * x0 + float(schedule.sigma(s)) * eps
    return x


def without_gradient(denoise, small, x, times, schedule):
    with torch.no_grad():
        return by_pooling(denoise, small, x, times, schedule)


def adaptive(denoise, small, x, times, schedule):
    for t, s in pairwise(times):
        x0 = denoise(x, torch.full((len(x),), t))
        means = F.adaptive_avg_pool2d(x0, small.shape[-2:])
        x0 = x0 + F.interpolate(small - means, size=x.shape[-2:])
        eps = (x - schedule.alpha(t) * x0) / schedule.sigma(t)
        x = schedule.alpha(s) * x0 + schedule.sigma(s) * eps
    return x


def changed(change):
    def answer(denoise, small, x, times, schedule):
        factor = x.shape[-1] // small.shape[-1]
        for t, s in pairwise(times):
            x0 = change(denoise(x, torch.full((len(x),), t)), small, factor)
            eps = (x - schedule.alpha(t) * x0) / schedule.sigma(t)
            x = schedule.alpha(s) * x0 + schedule.sigma(s) * eps
        return x

    return answer


def up(small, factor):
    return F.interpolate(small, scale_factor=factor)


def factor_of_four(denoise, small, x, times, schedule):
    for t, s in pairwise(times):
        x0 = denoise(x, torch.full((len(x),), t))
        x0 = x0 + up(small - F.avg_pool2d(x0, 4), 4)
        eps = (x - schedule.alpha(t) * x0) / schedule.sigma(t)
        x = schedule.alpha(s) * x0 + schedule.sigma(s) * eps
    return x


def state_by_noised_means(denoise, small, x, times, schedule):
    factor = x.shape[-1] // small.shape[-1]
    for t, s in pairwise(times):
        x0 = denoise(x, torch.full((len(x),), t))
        eps = (x - schedule.alpha(t) * x0) / schedule.sigma(t)
        x = schedule.alpha(s) * x0 + schedule.sigma(s) * eps
        x = x + up(schedule.alpha(s) * small - F.avg_pool2d(x, factor), factor)
    return x


def last_not_moved(denoise, small, x, times, schedule):
    return by_pooling(denoise, small, x, times[:-1], schedule)


def one_time_for_all(denoise, small, x, times, schedule):
    factor = x.shape[-1] // small.shape[-1]
    for t, s in pairwise(times):
        x0 = denoise(x, torch.tensor(t))
        x0 = x0 + up(small - F.avg_pool2d(x0, factor), factor)
        eps = (x - schedule.alpha(t) * x0) / schedule.sigma(t)
        x = schedule.alpha(s) * x0 + schedule.sigma(s) * eps
    return x


def corrected_once(denoise, small, x, times, schedule):
    factor = x.shape[-1] // small.shape[-1]
    for place, (t, s) in enumerate(pairwise(times)):
        x0 = denoise(x, torch.full((len(x),), t))
        if not place:
            x0 = x0 + up(small - F.avg_pool2d(x0, factor), factor)
        eps = (x - schedule.alpha(t) * x0) / schedule.sigma(t)
        x = schedule.alpha(s) * x0 + schedule.sigma(s) * eps
    return x


def guess_returned(denoise, small, x, times, schedule):
    return up(small, x.shape[-1] // small.shape[-1])


def clipped(x0, small, factor):
    return (x0 + up(small - F.avg_pool2d(x0, factor), factor)).clamp(-1, 1)


def halfway(x0, small, factor):
    return x0 + 0.5 * up(small - F.avg_pool2d(x0, factor), factor)


def multiplied(x0, small, factor):
    return x0 * up(small / F.avg_pool2d(x0, factor), factor)


# 04.3


def by_formula(a, b, share):
    flat_a, flat_b = a.flatten(1), b.flatten(1)
    cosine = (flat_a * flat_b).sum(1) / (flat_a.norm(dim=1) * flat_b.norm(dim=1))
    angle = cosine.clamp(-1, 1).acos().reshape(-1, *[1] * (a.ndim - 1))
    line = (1 - share) * a + share * b
    on_arc = (((1 - share) * angle).sin() * a + (share * angle).sin() * b) / angle.sin()
    return torch.where(angle < 1e-3, line, on_arc)


def one_pair_at_a_time(a, b, share):
    found = []
    for p, q in zip(a, b, strict=True):
        cosine = float((p * q).sum() / p.norm() / q.norm())
        angle = math.acos(max(-1.0, min(1.0, cosine)))
        if math.sin(angle) < 1e-4:
            found.append((1 - share) * p + share * q)
        else:
            near, far = math.sin((1 - share) * angle), math.sin(share * angle)
            found.append((near * p + far * q) / math.sin(angle))
    return torch.stack(found)


def by_arctangent(a, b, share):
    p, q = (F.normalize(z.flatten(1), dim=1) for z in (a, b))
    angle = 2 * torch.atan2((p - q).norm(dim=1), (p + q).norm(dim=1))
    angle = angle.reshape(-1, *[1] * (a.ndim - 1)).clamp(min=1e-3)
    return (((1 - share) * angle).sin() * a + (share * angle).sin() * b) / angle.sin()


def from_the_package(a, b, share):
    return slerp(a, b, share)


def in_double(a, b, share):
    return by_formula(a.double(), b.double(), share).float()


def always_the_line(a, b, share):
    return torch.lerp(a, b, share)


def formula_alone(a, b, share):
    cosine = F.cosine_similarity(a.flatten(1), b.flatten(1))
    angle = cosine.acos().reshape(-1, *[1] * (a.ndim - 1))
    return (((1 - share) * angle).sin() * a + (share * angle).sin() * b) / angle.sin()


def right_angle(a, b, share):
    angle = torch.tensor(math.pi / 2)
    return ((1 - share) * angle).sin() * a + (share * angle).sin() * b


def line_made_as_long(a, b, share):
    line = (1 - share) * a + share * b
    sizes = [z.flatten(1).norm(dim=1).reshape(-1, *[1] * (a.ndim - 1)) for z in (a, b, line)]
    return line * ((1 - share) * sizes[0] + share * sizes[1]) / sizes[2]


def angle_of_the_batch(a, b, share):
    cosine = F.cosine_similarity(a.flatten(), b.flatten(), dim=0).clamp(-1, 1)
    angle = cosine.acos()
    return (((1 - share) * angle).sin() * a + (share * angle).sin() * b) / angle.sin()


def small_sine_added(a, b, share):
    cosine = F.cosine_similarity(a.flatten(1), b.flatten(1)).clamp(-1, 1)
    angle = cosine.acos().reshape(-1, *[1] * (a.ndim - 1))
    top = ((1 - share) * angle).sin() * a + (share * angle).sin() * b
    return top / (angle.sin() + 1e-3)


def line_when_near(a, b, share):
    near = F.cosine_similarity(a.flatten(1), b.flatten(1)) > 0.95
    near = near.reshape(-1, *[1] * (a.ndim - 1))
    return torch.where(near, torch.lerp(a, b, share), by_formula(a, b, share))


def nan_made_zero(a, b, share):
    return formula_alone(a, b, share).nan_to_num()


def tiny_sine_added(a, b, share):
    cosine = F.cosine_similarity(a.flatten(1), b.flatten(1)).clamp(-1, 1)
    angle = cosine.acos().reshape(-1, *[1] * (a.ndim - 1))
    top = ((1 - share) * angle).sin() * a + (share * angle).sin() * b
    return top / (angle.sin() + 1e-8)


def cosine_clamped_hard(a, b, share):
    cosine = F.cosine_similarity(a.flatten(1), b.flatten(1)).clamp(-0.9, 0.9)
    angle = cosine.acos().reshape(-1, *[1] * (a.ndim - 1))
    return (((1 - share) * angle).sin() * a + (share * angle).sin() * b) / angle.sin()


def vectors_only(a, b, share):
    cosine = F.cosine_similarity(a, b, dim=-1).clamp(-1, 1)
    angle = cosine.acos()[..., None].clamp(min=1e-3)
    return (((1 - share) * angle).sin() * a + (share * angle).sin() * b) / angle.sin()


def variance_kept(a, b, share):
    return (a * (1 - share) + b * share) / math.sqrt(share**2 + (1 - share) ** 2)


RIGHT = {
    "04.1": [by_axes, by_flattening, by_variance, with_n_below, one_by_one],
    "04.2": [by_pooling, by_views, by_kron, without_gradient, adaptive],
    "04.3": [by_formula, one_pair_at_a_time, by_arctangent, from_the_package, in_double],
}
WRONG = {
    "04.1": [
        plain_guidance,
        for_images_only,
        each_channel,
        whole_batch,
        in_place,
        by_norms,
        never_stretched,
        scale_shrunk,
    ],
    "04.2": [
        factor_of_four,
        state_by_noised_means,
        last_not_moved,
        one_time_for_all,
        corrected_once,
        guess_returned,
        changed(clipped),
        changed(halfway),
        changed(multiplied),
    ],
    "04.3": [
        always_the_line,
        formula_alone,
        right_angle,
        line_made_as_long,
        angle_of_the_batch,
        small_sine_added,
        line_when_near,
        nan_made_zero,
        tiny_sine_added,
        cosine_clamped_hard,
        vectors_only,
        variance_kept,
    ],
}


@pytest.mark.parametrize(("exercise", "answer"), each(RIGHT))
def test_a_right_answer_passes(exercise, answer):
    require_passed(exercise, answer)


@pytest.mark.parametrize(("exercise", "answer"), each(WRONG))
def test_a_wrong_answer_does_not(exercise, answer):
    require_refused(exercise, answer)
