"""Exercises of lesson 02: right answers in many hands pass, wrong ones do not."""

from itertools import pairwise

import pytest
import torch
from answering import each, require_passed, require_refused

# 02.1


def by_softmax(x_t, points, weights, alpha, sigma):
    squared = (x_t - alpha * points).pow(2).sum(-1)
    return torch.softmax(weights.log() - squared / (2 * sigma**2), 0) @ points


def by_hand(x_t, points, weights, alpha, sigma):
    scores = weights.log() - ((x_t - alpha * points) ** 2).sum(1) / 2 / sigma / sigma
    shares = (scores - scores.max()).exp()
    return (shares[:, None] * points).sum(0) / shares.sum()


def weights_after_softmax(x_t, points, weights, alpha, sigma):
    shares = (-((points * alpha - x_t) ** 2).sum(1) / (2 * sigma**2)).softmax(0) * weights
    return (shares / shares.sum()) @ points


def only_possible_points(x_t, points, weights, alpha, sigma):
    possible = weights > 0
    return by_softmax(x_t, points[possible], weights[possible], alpha, sigma)


def by_densities(x_t, points, weights, alpha, sigma):
    density = torch.distributions.Normal(alpha * points, sigma).log_prob(x_t).sum(1)
    return torch.distributions.Categorical(logits=density + weights.log()).probs @ points


def by_logsumexp(x_t, points, weights, alpha, sigma):
    scores = weights.log() - (x_t[None] - alpha * points).norm(dim=1) ** 2 / (2 * sigma**2)
    return torch.einsum("n,nd->d", (scores - scores.logsumexp(0)).exp(), points)


def by_loop(x_t, points, weights, alpha, sigma):
    scores = []
    for point, weight in zip(points, weights, strict=True):
        away = x_t - alpha * point
        scores.append(torch.log(weight) - (away @ away) / (2 * sigma * sigma))
    total = torch.zeros_like(x_t)
    for share, point in zip(torch.stack(scores).softmax(0), points, strict=True):
        total += share * point
    return total


def by_cdist(x_t, points, weights, alpha, sigma):
    away = torch.cdist(x_t[None], alpha * points)[0]
    scores = -(away**2) / (2 * sigma**2) + weights.log()
    return (points.T @ scores.softmax(0)).squeeze()


def in_double(x_t, points, weights, alpha, sigma):
    x_t, points, weights = x_t.double(), points.double(), weights.double()
    return by_softmax(x_t, points, weights, alpha.double(), sigma.double()).float()


def naive_exp(x_t, points, weights, alpha, sigma):
    shares = weights * torch.exp(-(x_t - alpha * points).square().sum(1) / (2 * sigma**2))
    return (shares / shares.sum()) @ points


def exp_with_a_floor(x_t, points, weights, alpha, sigma):
    shares = weights * torch.exp(-(x_t - alpha * points).square().sum(1) / (2 * sigma**2))
    return (shares / (shares.sum() + 1e-12)) @ points


def log_with_a_floor(x_t, points, weights, alpha, sigma):
    return by_softmax(x_t, points, weights + 0.01, alpha, sigma)


def log_of_at_least(x_t, points, weights, alpha, sigma):
    return by_softmax(x_t, points, weights.clamp(min=1e-6), alpha, sigma)


def nearest_where_every_exp_is_0(x_t, points, weights, alpha, sigma):
    squared = (x_t - alpha * points).square().sum(1)
    shares = weights * torch.exp(-squared / (2 * sigma**2))
    return points[squared.argmin()] if shares.sum() == 0 else shares @ points / shares.sum()


def sum_with_a_floor(x_t, points, weights, alpha, sigma):
    shares = (-(x_t - alpha * points).square().sum(1) / (2 * sigma**2)).softmax(0) * weights
    return shares @ points / shares.sum().clamp(min=1e-9)


def only_the_likeliest(x_t, points, weights, alpha, sigma):
    scores = weights.log() - (x_t - alpha * points).square().sum(1) / (2 * sigma**2)
    return points[scores.argmax()]


def two_dimensions_only(x_t, points, weights, alpha, sigma):
    away = (x_t[0] - alpha * points[:, 0]) ** 2 + (x_t[1] - alpha * points[:, 1]) ** 2
    return (weights.log() - away / (2 * sigma**2)).softmax(0) @ points


def mean_over_coordinates(x_t, points, weights, alpha, sigma):
    squared = (x_t - alpha * points).square().mean(1)
    return (weights.log() - squared / (2 * sigma**2)).softmax(0) @ points


def sigma_from_alpha(x_t, points, weights, alpha, sigma):
    return by_softmax(x_t, points, weights, alpha, (1 - alpha**2).sqrt())


def divides_by_alpha(x_t, points, weights, alpha, sigma):
    squared = (x_t / alpha - points).square().sum(1) * alpha**2
    return (weights.log() - squared / (2 * sigma**2)).softmax(0) @ points


def equal_weights(x_t, points, weights, alpha, sigma):
    return by_softmax(x_t, points, torch.ones_like(weights), alpha, sigma)


def changes_the_weights(x_t, points, weights, alpha, sigma):
    return by_softmax(x_t, points, weights.log_().exp(), alpha, sigma) + 0 * weights.sum()


def negative_power(x_t, points, weights, alpha, sigma):
    squared = (x_t - alpha * points).square().sum(1)
    return (weights.log() - squared / 2 * sigma**2).softmax(0) @ points


# 02.2


def by_pairs(denoise, x, times, schedule, limit):
    for t, s in pairwise(times):
        x0 = denoise(x, x.new_full((len(x),), t)).clip(-limit, limit)
        eps = (x - schedule.alpha(t) * x0) / schedule.sigma(t)
        x = schedule.alpha(s) * x0 + schedule.sigma(s) * eps
        yield x


def by_index(denoise, x, times, schedule, limit):
    for k in range(len(times) - 1):
        t = torch.ones(x.shape[0]) * times[k]
        x0 = torch.clamp(denoise(x, t), min=-limit, max=limit)
        ratio = schedule.sigma(times[k + 1]) / schedule.sigma(times[k])
        x = ratio * x + (schedule.alpha(times[k + 1]) - ratio * schedule.alpha(times[k])) * x0
        yield x


def by_min_and_max(denoise, x, times, schedule, limit):
    for k in range(1, len(times)):
        t, s = times[k - 1], times[k]
        x0 = denoise(x, torch.tensor([t] * len(x)))
        x0 = torch.minimum(torch.maximum(x0, torch.tensor(-limit)), torch.tensor(limit))
        noise = (x - schedule.alpha(t) * x0) / schedule.sigma(t)
        x = schedule.alpha(s) * x0 + schedule.sigma(s) * noise
        yield x.clone()


def by_recursion(denoise, x, times, schedule, limit):
    if len(times) < 2:
        return
    t, s, *_ = times
    x0 = denoise(x, torch.full([x.size(0)], t)).clamp(-limit, limit)
    eps = (x - schedule.alpha(t) * x0).div(schedule.sigma(t))
    state = schedule.alpha(s).mul(x0) + schedule.sigma(s).mul(eps)
    yield state
    yield from by_recursion(denoise, state, times[1:], schedule, limit)


def factors_before(denoise, x, times, schedule, limit):
    grid = torch.tensor(times, dtype=torch.float64)
    alpha, sigma = schedule.alpha(grid).float(), schedule.sigma(grid).float()
    for k, t in enumerate(times[:-1]):
        x0 = denoise(x, torch.full((len(x),), float(t))).clamp(-limit, limit)
        x = alpha[k + 1] * x0 + sigma[k + 1] * (x - alpha[k] * x0) / sigma[k]
        yield x


def while_there_are_times(denoise, x, times, schedule, limit):
    left = list(times)
    t = left.pop(0)
    while left:
        s = left.pop(0)
        with torch.no_grad():
            x0 = denoise(x, torch.full((len(x),), t))
        x0 = torch.where(x0 > limit, limit, torch.where(x0 < -limit, -limit, x0))
        eps = (x - schedule.alpha(t) * x0) / schedule.sigma(t)
        x, t = schedule.alpha(s) * x0 + schedule.sigma(s) * eps, s
        yield x


def returns_a_list(denoise, x, times, schedule, limit):
    return list(by_pairs(denoise, x, times, schedule, limit))


def only_the_end(denoise, x, times, schedule, limit):
    yield list(by_pairs(denoise, x, times, schedule, limit))[-1]


def start_as_well(denoise, x, times, schedule, limit):
    yield x
    yield from by_pairs(denoise, x, times, schedule, limit)


def limit_of_one(denoise, x, times, schedule, limit):
    yield from by_pairs(denoise, x, times, schedule, 1.0)


def noise_not_worked_out_again(denoise, x, times, schedule, limit):
    for t, s in pairwise(times):
        said = denoise(x, torch.full((len(x),), t))
        eps = (x - schedule.alpha(t) * said) / schedule.sigma(t)
        x = schedule.alpha(s) * said.clamp(-limit, limit) + schedule.sigma(s) * eps
        yield x


def fresh_noise(denoise, x, times, schedule, limit):
    for t, s in pairwise(times):
        x0 = denoise(x, torch.full((len(x),), t)).clamp(-limit, limit)
        x = schedule.alpha(s) * x0 + schedule.sigma(s) * torch.randn_like(x)
        yield x


def keeps_the_variance(denoise, x, times, schedule, limit):
    for t, s in pairwise(times):
        x0 = denoise(x, torch.full((len(x),), t)).clamp(-limit, limit)
        eps = (x - schedule.alpha(t) * x0) / (1 - schedule.alpha(t) ** 2).sqrt()
        x = schedule.alpha(s) * x0 + (1 - schedule.alpha(s) ** 2).sqrt() * eps
        yield x


def even_times(denoise, x, times, schedule, limit):
    grid = torch.linspace(times[0], times[-1], len(times)).tolist()
    yield from by_pairs(denoise, x, grid, schedule, limit)


def one_time_for_all(denoise, x, times, schedule, limit):
    for t, s in pairwise(times):
        x0 = denoise(x, torch.tensor(t)).clamp(-limit, limit)
        eps = (x - schedule.alpha(t) * x0) / schedule.sigma(t)
        x = schedule.alpha(s) * x0 + schedule.sigma(s) * eps
        yield x


def in_place(denoise, x, times, schedule, limit):
    for t, s in pairwise(times):
        x0 = denoise(x, torch.full((len(x),), t)).clamp(-limit, limit)
        eps = (x - schedule.alpha(t) * x0) / schedule.sigma(t)
        x.copy_(schedule.alpha(s) * x0 + schedule.sigma(s) * eps)
        yield x


def for_points_only(denoise, x, times, schedule, limit):
    for t, s in pairwise(times):
        x0 = denoise(x, torch.full((len(x),), t)).clamp(-limit, limit)
        eps = (x - schedule.alpha(t) * x0) / schedule.sigma(t)
        x = (schedule.alpha(s) * x0 + schedule.sigma(s) * eps).reshape(len(x), -1)
        yield x


# 02.3


def solved(v, x_t, alpha, sigma):
    norm = alpha.square() + sigma.square()
    return (alpha * x_t - sigma * v) / norm, (alpha * v + sigma * x_t) / norm


def by_a_matrix(v, x_t, alpha, sigma):
    rows = torch.cat([torch.cat([alpha, sigma], 1), torch.cat([-sigma, alpha], 1)], 1)
    found = torch.linalg.solve(rows.view(-1, 2, 2), torch.stack([x_t, v], 1))
    return found[:, 0], found[:, 1]


def by_cramer(v, x_t, alpha, sigma):
    determinant = alpha * alpha - sigma * (-sigma)
    return (x_t * alpha - sigma * v) / determinant, (alpha * v + sigma * x_t) / determinant


def by_complex_numbers(v, x_t, alpha, sigma):
    found = torch.complex(x_t, v) / torch.complex(alpha, -sigma)
    return found.real, found.imag


def by_rotation(v, x_t, alpha, sigma):
    length, angle = torch.hypot(alpha, sigma), torch.atan2(sigma, alpha)
    x0 = (angle.cos() * x_t - angle.sin() * v) / length
    return x0, (angle.sin() * x_t + angle.cos() * v) / length


def as_a_list(v, x_t, alpha, sigma):
    return list(solved(v, x_t, alpha, sigma))


def larger_factor_divides(v, x_t, alpha, sigma):
    x0 = (alpha * x_t - sigma * v) / (alpha**2 + sigma**2)
    through_sigma = (x_t - alpha * x0) / torch.where(sigma > 0.1, sigma, 1.0)
    through_alpha = (v + sigma * x0) / torch.where(alpha > 0.1, alpha, 1.0)
    return x0, torch.where(sigma > alpha, through_sigma, through_alpha)


def only_kept_variance(v, x_t, alpha, sigma):
    return alpha * x_t - sigma * v, sigma * x_t + alpha * v


def noise_then_data(v, x_t, alpha, sigma):
    return tuple(reversed(solved(v, x_t, alpha, sigma)))


def one_is_not_divided(v, x_t, alpha, sigma):
    return solved(v, x_t, alpha, sigma)[0], sigma * x_t + alpha * v


def as_flow(v, x_t, alpha, sigma):
    return x_t - sigma * v, x_t + alpha * v


def as_noise(v, x_t, alpha, sigma):
    return (x_t - sigma * v) / alpha, v


def as_data(v, x_t, alpha, sigma):
    return v, (x_t - alpha * v) / sigma


def wrong_sign(v, x_t, alpha, sigma):
    return solved(-v, x_t, alpha, sigma)


def stacked(v, x_t, alpha, sigma):
    return torch.stack(solved(v, x_t, alpha, sigma))


def not_at_the_end(v, x_t, alpha, sigma):
    eps = (sigma * x_t + alpha * v) / (alpha**2 + sigma**2)
    return (x_t - sigma * eps) / alpha, eps


def divided_by_the_root(v, x_t, alpha, sigma):
    norm = (alpha**2 + sigma**2).sqrt()
    return (alpha * x_t - sigma * v) / norm, (sigma * x_t + alpha * v) / norm


# 02.4


def plain_loop(net, optimizer, batches, schedule, weight):
    losses = []
    for x0, t, eps in batches:
        x_t = schedule.alpha(t)[:, None] * x0 + schedule.sigma(t)[:, None] * eps
        loss = (weight(t) * ((net(x_t, t) - x0) ** 2).mean(1)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def cleared_at_the_end(net, optimizer, batches, schedule, weight):
    losses = []
    for x0, t, eps in batches:
        alpha, sigma = schedule.at(t, x0)
        squared = (x0 - net(alpha * x0 + sigma * eps, t)).square()
        loss = (weight(t)[:, None] * squared).mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    return losses


def tensors_of_losses(net, optimizer, batches, schedule, weight):
    losses = []
    for batch in batches:
        x0, t, eps = batch
        x_t = schedule.alpha(t).unsqueeze(1) * x0 + schedule.sigma(t).unsqueeze(1) * eps
        error = torch.nn.functional.mse_loss(net(x_t, t), x0, reduction="none").mean(-1)
        loss = torch.dot(weight(t), error) / len(t)
        optimizer.zero_grad(set_to_none=False)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return losses


def by_closure(net, optimizer, batches, schedule, weight):
    def closure(x0, t, eps):
        optimizer.zero_grad()
        x_t = schedule.alpha(t).view(-1, 1) * x0 + schedule.sigma(t).view(-1, 1) * eps
        loss = (weight(t).view(-1, 1) * (net(x_t, t) - x0) ** 2).sum() / x0.numel()
        loss.backward()
        return loss

    return [optimizer.step(lambda batch=batch: closure(*batch)).item() for batch in batches]


def gradients_by_hand(net, optimizer, batches, schedule, weight):
    losses, parameters = [], list(net.parameters())
    for x0, t, eps in batches:
        x_t = schedule.alpha(t)[:, None] * x0 + schedule.sigma(t)[:, None] * eps
        loss = torch.stack(
            [
                w * (a - b).square().mean()
                for w, a, b in zip(weight(t), net(x_t, t), x0, strict=True)
            ]
        ).mean()
        for parameter, gradient in zip(
            parameters, torch.autograd.grad(loss, parameters), strict=True
        ):
            parameter.grad = gradient
        optimizer.step()
        losses.append(loss.item())
    return losses


def in_training_mode(net, optimizer, batches, schedule, weight):
    net.train()
    losses = plain_loop(net, optimizer, batches, schedule, weight)
    net.eval()
    return losses


def roots_of_weights(net, optimizer, batches, schedule, weight):
    losses = []
    for x0, t, eps in batches:
        x_t = schedule.alpha(t)[:, None] * x0 + schedule.sigma(t)[:, None] * eps
        optimizer.zero_grad()
        loss = (weight(t).sqrt()[:, None] * (net(x_t, t) - x0)).pow(2).mean()
        loss.backward()
        optimizer.step()
        losses += [loss.item()]
    return losses


def variant(loss_of, step=True):
    def train(net, optimizer, batches, schedule, weight):
        losses = []
        for x0, t, eps in batches:
            x_t = schedule.alpha(t)[:, None] * x0 + schedule.sigma(t)[:, None] * eps
            loss = loss_of(net, x0, x_t, t, eps, weight)
            optimizer.zero_grad()
            loss.backward()
            if step:
                optimizer.step()
            losses.append(loss.item())
        return losses

    return train


def item_too_early(net, optimizer, batches, schedule, weight):
    losses = []
    for x0, t, eps in batches:
        x_t = schedule.alpha(t)[:, None] * x0 + schedule.sigma(t)[:, None] * eps
        loss = (weight(t) * (net(x_t, t) - x0).square().mean(1)).mean().item()
        torch.tensor(loss, requires_grad=True).backward()
        optimizer.step()
        losses.append(loss)
    return losses


def without_gradient(net, optimizer, batches, schedule, weight):
    with torch.no_grad():
        return plain_loop(net, optimizer, batches, schedule, weight)


def no_last_step(net, optimizer, batches, schedule, weight):
    losses = plain_loop(net, optimizer, batches[:-1], schedule, weight)
    x0, t, eps = batches[-1]
    x_t = schedule.alpha(t)[:, None] * x0 + schedule.sigma(t)[:, None] * eps
    return [*losses, (weight(t) * (net(x_t, t) - x0).square().mean(1)).mean().item()]


def clipped_gradients(net, optimizer, batches, schedule, weight):
    losses = []
    for x0, t, eps in batches:
        x_t = schedule.alpha(t)[:, None] * x0 + schedule.sigma(t)[:, None] * eps
        loss = (weight(t) * (net(x_t, t) - x0).square().mean(1)).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses


def answer_detached(net, x0, x_t, t, eps, weight):
    answer = net(x_t, t).detach().requires_grad_()
    return (weight(t) * (answer - x0).square().mean(1)).mean()


def per_coordinate(net, x0, x_t, t, eps, weight):
    return (weight(t) * (net(x_t, t) - x0).square()).mean()


def never_cleared(net, optimizer, batches, schedule, weight):
    losses = []
    for x0, t, eps in batches:
        x_t = schedule.alpha(t)[:, None] * x0 + schedule.sigma(t)[:, None] * eps
        loss = (weight(t) * (net(x_t, t) - x0).square().mean(1)).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def variance_kept(net, optimizer, batches, schedule, weight):
    losses = []
    for x0, t, eps in batches:
        alpha = schedule.alpha(t)[:, None]
        x_t = alpha * x0 + (1 - alpha**2).sqrt() * eps
        loss = (weight(t) * (net(x_t, t) - x0).square().mean(1)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


RIGHT = {
    "02.1": [
        by_softmax,
        by_hand,
        only_possible_points,
        by_densities,
        by_logsumexp,
        by_loop,
        by_cdist,
        in_double,
    ],
    "02.2": [
        by_pairs,
        by_index,
        by_min_and_max,
        by_recursion,
        factors_before,
        while_there_are_times,
    ],
    "02.3": [
        solved,
        by_a_matrix,
        by_cramer,
        by_complex_numbers,
        by_rotation,
        as_a_list,
        larger_factor_divides,
    ],
    "02.4": [
        plain_loop,
        cleared_at_the_end,
        tensors_of_losses,
        by_closure,
        gradients_by_hand,
        in_training_mode,
        roots_of_weights,
    ],
}
WRONG = {
    "02.1": [
        naive_exp,
        exp_with_a_floor,
        log_with_a_floor,
        log_of_at_least,
        nearest_where_every_exp_is_0,
        sum_with_a_floor,
        weights_after_softmax,
        only_the_likeliest,
        two_dimensions_only,
        mean_over_coordinates,
        sigma_from_alpha,
        divides_by_alpha,
        equal_weights,
        changes_the_weights,
        negative_power,
    ],
    "02.2": [
        returns_a_list,
        only_the_end,
        start_as_well,
        limit_of_one,
        noise_not_worked_out_again,
        fresh_noise,
        keeps_the_variance,
        even_times,
        one_time_for_all,
        in_place,
        for_points_only,
    ],
    "02.3": [
        only_kept_variance,
        noise_then_data,
        one_is_not_divided,
        as_flow,
        as_noise,
        as_data,
        wrong_sign,
        stacked,
        not_at_the_end,
        divided_by_the_root,
    ],
    "02.4": [
        item_too_early,
        without_gradient,
        no_last_step,
        clipped_gradients,
        variant(answer_detached),
        variant(per_coordinate),
        never_cleared,
        variance_kept,
        variant(lambda net, x0, x_t, t, eps, w: (net(x_t, t) - x0).square().mean()),
        variant(lambda net, x0, x_t, t, eps, w: (w(t) * (net(x_t, t) - eps).pow(2).mean(1)).mean()),
        variant(lambda net, x0, x_t, t, eps, w: (w(t) * (net(x0, t) - x0).pow(2).mean(1)).mean()),
        variant(lambda net, x0, x_t, t, eps, w: (w(t) * (net(x_t, t) - x0).abs().mean(1)).mean()),
        variant(lambda net, x0, x_t, t, eps, w: (w(t) * (net(x_t, t) - x0).pow(2).sum(1)).mean()),
        variant(
            lambda net, x0, x_t, t, eps, w: (w(t) * (net(x_t, t) - x0).pow(2).mean(1)).mean(),
            step=False,
        ),
    ],
}


@pytest.mark.parametrize(("exercise", "answer"), each(RIGHT))
def test_a_right_answer_passes(exercise, answer):
    require_passed(exercise, answer)


@pytest.mark.parametrize(("exercise", "answer"), each(WRONG))
def test_a_wrong_answer_does_not(exercise, answer):
    require_refused(exercise, answer)
