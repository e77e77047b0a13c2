"""Lesson 14's checks: right answers of any style pass, wrong ones do not, however they are made."""

import math

import numpy as np
import pytest
import torch
from answering import each, require_passed, require_refused

# 14.1


def costs_by_loop(sizes, batch, work, seconds):
    found = []
    for size in sizes:
        total = 0.0
        for k in range(size):
            operations, moved = work(1, k + 1, batch)
            total += seconds(operations, moved)
        found.append(total)
    return found


def costs_by_running_sum(sizes, batch, work, seconds):
    each_pass = [seconds(*work(1, k, batch)) for k in range(1, max(sizes) + 1)]
    total = np.cumsum(each_pass)
    return [float(total[size - 1]) for size in sizes]


def costs_of_the_mean(sizes, batch, work, seconds):
    return [n * seconds(*work(1, (n + 1) // 2, batch)) for n in sizes]


def costs_by_arithmetic(sizes, batch, work, seconds):
    return [sum(seconds(work(1, k, batch)[0], 0) for k in range(1, n + 1)) for n in sizes]


# 14.2


def crossing_by_numpy(sizes, a, b):
    gap = np.log(np.array(b)) - np.log(np.array(a))
    at = np.flatnonzero(np.append(gap[:-1] * gap[1:] <= 0, gap[-1] == 0))
    if not len(at):
        return None
    k = int(at[0])
    if gap[k] == 0:
        return sizes[k]
    share = gap[k] / (gap[k] - gap[k + 1])
    return float(np.exp(np.log(sizes[k]) * (1 - share) + np.log(sizes[k + 1]) * share))


def crossing_by_halving(sizes, a, b):
    logs = [np.log(x) for x in (sizes, a, b)]

    def gap(x):
        return np.interp(x, logs[0], logs[2]) - np.interp(x, logs[0], logs[1])

    for low, high in zip(logs[0], logs[0][1:], strict=False):
        if gap(low) * gap(high) > 0:
            continue
        for _ in range(80):
            middle = (low + high) / 2
            if gap(low) * gap(middle) <= 0:
                high = middle
            else:
                low = middle
        return math.exp(high)
    return None


def crossing_half_log(sizes, a, b):
    gap = [y - x for x, y in zip(a, b, strict=True)]
    for k in range(1, len(sizes)):
        if gap[k - 1] * gap[k] <= 0:
            share = gap[k - 1] / (gap[k - 1] - gap[k])
            return sizes[k - 1] * (sizes[k] / sizes[k - 1]) ** share
    return None


def crossing_in_the_middle(sizes, a, b):
    for k in range(1, len(sizes)):
        if (a[k - 1] - b[k - 1]) * (a[k] - b[k]) <= 0:
            return (sizes[k - 1] * sizes[k]) ** 0.5
    return None


# 14.3


def row_by_scatter(make, control, instrument, seeds):
    sides = []
    for run in (make, control):
        sides.append(torch.tensor([float(instrument(run(seed))) for seed in seeds]).double())
    ours, theirs = sides
    gap, scatter = (ours.mean() - theirs.mean()).abs(), max(ours.std(), theirs.std())
    apart = gap / scatter if scatter > 0 else torch.tensor(math.inf if gap > 0 else 0.0)
    return {
        "apart": apart.item(),
        "control": theirs.mean().item(),
        "low": ours.min().item(),
        "mean": ours.mean().item(),
        "high": ours.max().item(),
    }


def row_by_numpy(make, control, instrument, seeds):
    ours = np.array([float(instrument(make(seed))) for seed in seeds])
    theirs = np.array([float(instrument(control(seed))) for seed in seeds])
    scatter = max(ours.std(ddof=1), theirs.std(ddof=1))
    gap = abs(ours.mean() - theirs.mean())
    with np.errstate(divide="ignore"):
        apart = 0.0 if gap == 0 else np.float64(gap) / scatter
    keys = {"mean": ours.mean(), "low": ours.min(), "high": ours.max()}
    return keys | {"control": theirs.mean(), "apart": apart}


def row_run_again(make, control, instrument, seeds):
    row = row_by_numpy(make, control, instrument, seeds)
    return row | {"low": min(float(instrument(make(seed))) for seed in seeds)}


def row_of_pooled(make, control, instrument, seeds):
    pooled = float(instrument(torch.cat([make(seed) for seed in seeds])))
    row = row_by_numpy(lambda seed: torch.zeros(2), control, instrument, seeds)
    return row | {"mean": pooled, "low": pooled, "high": pooled}


def row_lacks_the_control(make, control, instrument, seeds):
    ours = [float(instrument(make(seed))) for seed in seeds]
    return {"mean": sum(ours) / len(ours), "low": min(ours), "high": max(ours)}


def row_of_a_hidden_sum(make, control, instrument, seeds):
    ours = [float(instrument(make(seed))) for seed in seeds]
    theirs = [float(instrument(control(seed))) for seed in seeds]
    both = (np.std(ours, ddof=1) ** 2 + np.std(theirs, ddof=1) ** 2) ** 0.5
    row = {"mean": np.mean(ours), "low": min(ours), "high": max(ours), "control": np.mean(theirs)}
    gap = abs(np.mean(ours) - np.mean(theirs))
    return row | {"apart": gap / both if both else (math.inf if gap else 0.0)}


RIGHT = {
    "14.1": [costs_by_loop, costs_by_running_sum],
    "14.2": [crossing_by_numpy, crossing_by_halving],
    "14.3": [row_by_scatter, row_by_numpy],
}
WRONG = {
    "14.1": [costs_of_the_mean, costs_by_arithmetic],
    "14.2": [crossing_half_log, crossing_in_the_middle],
    "14.3": [row_run_again, row_of_pooled, row_lacks_the_control, row_of_a_hidden_sum],
}


@pytest.mark.parametrize(("exercise", "answer"), each(RIGHT))
def test_right_answers_of_other_styles_pass(exercise, answer):
    require_passed(exercise, answer)


@pytest.mark.parametrize(("exercise", "answer"), each(WRONG))
def test_wrong_answers_do_not(exercise, answer):
    require_refused(exercise, answer)
