"""Lesson 13's checks: right answers of any style pass, wrong ones do not, however they are made."""

import pytest
import torch
from answering import each, require_passed, require_refused

# 13.1


def apart_by_loop(joint):
    first, second = joint.sum(1).tolist(), joint.sum(0).tolist()
    total = 0.0
    for a, row in enumerate(joint.tolist()):
        for b, together in enumerate(row):
            if together > 0:
                total += first[a] * second[b]
    return total


def apart_by_outer(joint):
    return (torch.outer(joint.sum(1), joint.sum(0)) * (joint > 0)).sum()


def apart_by_einsum(joint):
    possible = joint.gt(0).double()
    return torch.einsum("ab,ac,db->", possible, joint.double(), joint.double()).item()


def apart_if_square(joint):
    side = min(joint.shape)
    return (torch.outer(joint.sum(0)[:side], joint.sum(1)[:side]) * (joint[:side, :side] > 0)).sum()


def apart_of_twins(joint):
    return 1 / len(joint)


def apart_above_a_hair(joint):
    return torch.outer(joint.sum(1), joint.sum(0))[joint > 1e-3].sum().item()


# 13.2


def accepted_by_loop(probs, gaps, threshold):
    out = torch.zeros_like(gaps)
    for b in range(len(probs)):
        places = [t for t in range(gaps.shape[1]) if gaps[b, t]]
        if not places:
            continue
        sureness = {t: probs[b, t].max().item() for t in places}
        sure = [t for t in places if probs[b, t].max() >= threshold]
        for t in sure or [max(places, key=lambda t: sureness[t])]:
            out[b, t] = True
    return out


def accepted_by_where(probs, gaps, threshold):
    sureness = torch.where(gaps, probs.max(dim=-1).values, torch.tensor(-1.0))
    first = sureness.max(dim=1, keepdim=True).values
    bar = torch.minimum(first, torch.tensor(float(threshold)))
    several = (sureness >= bar) & gaps
    lonely = (several & (sureness < threshold)).cumsum(1) <= 1
    return several & (lonely | (sureness >= threshold))


def accepted_all(probs, gaps, threshold):
    return gaps


def accepted_by_mean(probs, gaps, threshold):
    return gaps & (probs.mean(-1) >= threshold)


def accepted_of_ties(probs, gaps, threshold):
    sureness = probs.amax(-1).masked_fill(~gaps, -1)
    sure = gaps & (sureness >= threshold)
    return torch.where(sure.any(1, keepdim=True), sure, gaps & (sureness == sureness.amax(1, True)))


def accepted_fixed(probs, gaps, threshold):
    return accepted_by_loop(probs, gaps, 0.9)


# 13.3


def sees_by_loop(queries, keys, block_size):
    return torch.tensor([[j // block_size <= i // block_size for j in keys] for i in queries])


def sees_by_floor(queries, keys, block_size):
    first, second = queries.unsqueeze(1), keys.unsqueeze(0)
    return torch.floor(first / block_size) >= torch.floor(second / block_size)


def sees_by_end(queries, keys, block_size):
    return keys < (queries[:, None] // block_size + 1) * block_size


def sees_to_longest(queries, keys, block_size):
    length = int(max(queries.max(), keys.max())) + 1
    block = torch.arange(length) // block_size
    return (block[:, None] >= block)[queries][:, keys]


def sees_whole_blocks_only(queries, keys, block_size):
    right = sees_by_loop(queries, keys, block_size)
    whole = len(keys) // block_size * block_size
    return torch.where(queries[:, None] >= whole, queries[:, None] >= keys, right)


def sees_square(queries, keys, block_size):
    return sees_by_loop(queries, queries, block_size)


def sees_floats(queries, keys, block_size):
    right = sees_by_loop(queries, keys, block_size)
    return torch.zeros(right.shape).masked_fill(~right, -torch.inf)


@pytest.mark.parametrize(
    ("exercise", "answer"),
    each(
        {
            "13.1": [apart_by_loop, apart_by_outer, apart_by_einsum],
            "13.2": [accepted_by_loop, accepted_by_where],
            "13.3": [sees_by_loop, sees_by_floor, sees_by_end, sees_to_longest],
        }
    ),
)
def test_a_right_answer_of_any_style_passes(exercise, answer):
    require_passed(exercise, answer)


@pytest.mark.parametrize(
    ("exercise", "answer"),
    each(
        {
            "13.1": [apart_if_square, apart_of_twins, apart_above_a_hair],
            "13.2": [accepted_all, accepted_by_mean, accepted_of_ties, accepted_fixed],
            "13.3": [sees_whole_blocks_only, sees_square, sees_floats],
        }
    ),
)
def test_a_wrong_answer_is_refused(exercise, answer):
    require_refused(exercise, answer)
