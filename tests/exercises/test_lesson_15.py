"""Lesson 15's checks: right answers of any style pass, wrong ones do not, however they are made."""

import pytest
import torch
from answering import each, require_passed, require_refused

from course_utils.exercises.lesson_15 import TASKS, marked

# 15.1


def blame_by_loop(right):
    num, links = right.shape
    first, whole = [0] * links, 0
    for row in right.tolist():
        if all(row):
            whole += 1
        else:
            first[row.index(False)] += 1
    product = 1.0
    for k in range(links):
        product *= sum(right[:, k].tolist()) / num
    return whole / num, product, torch.tensor([count / num for count in first])


def blame_as_a_list(right):
    share, product, first = blame_by_loop(right)
    return share, product, [float(value) for value in first]


def blame_by_argmin(right):
    failed = ~right.all(1)
    first = right.int().argmin(1)[failed]
    counts = torch.bincount(first, minlength=right.shape[1])
    return (
        right.all(dim=1).double().mean().item(),
        right.double().mean(0).prod().item(),
        counts / len(right),
    )


def blame_nobody(right):
    return right.all(1).float().mean().item(), right.float().mean(0).prod().item(), 0 * right[0]


# 15.2


def mask_by_loop(kinds):
    batch, num = kinds.shape
    seen = torch.zeros(batch, num, num, dtype=torch.bool)
    for b in range(batch):
        for i in range(num):
            for j in range(num):
                same = kinds[b, i] == kinds[b, j] and kinds[b, i] > 0
                seen[b, i, j] = i == j or (kinds[b, j] != -1 and bool(j <= i or same))
    return seen


def mask_by_where(kinds):
    places = torch.arange(kinds.shape[1])
    before = places[None, :, None] >= places[None, None, :]
    same = (kinds.unsqueeze(2) == kinds.unsqueeze(1)) & (kinds.unsqueeze(2) > 0)
    real = torch.where(kinds.unsqueeze(1) == -1, False, before | same)
    return real | torch.eye(kinds.shape[1]).bool()


def mask_of_blocks(kinds):
    """Neighbours of one number only: an image that is cut by words is two."""
    num = kinds.shape[1]
    start = torch.cat([torch.ones_like(kinds[:, :1]), (kinds[:, 1:] != kinds[:, :-1]).long()], 1)
    run = start.cumsum(1)
    same = (run[:, :, None] == run[:, None]) & (kinds > 0)[:, None]
    before = torch.ones(num, num).tril().bool()
    return ((before | same) & (kinds >= 0)[:, None]) | torch.eye(num).bool()


# 15.3


def choose_by_sorting(tools, need):
    rows = sorted((cost, -min(s), n) for n, (s, cost) in tools.items() if s and min(s) >= need)
    return rows[0][2] if rows else None


def choose_by_loop(tools, need):
    best = None
    for name in sorted(tools):
        scores, cost = tools[name]
        if not scores or min(scores) < need:
            continue
        if best is None or (cost, -min(scores)) < (tools[best][1], -min(tools[best][0])):
            best = name
    return best


def choose_first(tools, need):
    return next((n for n, (s, _) in tools.items() if s and min(s) >= need), None)


def choose_cheapest(tools, need):
    return min(tools, key=lambda n: tools[n][1], default=None)


RIGHT = {
    "15.1": [blame_by_loop, blame_by_argmin, blame_as_a_list],
    "15.2": [mask_by_loop, mask_by_where],
    "15.3": [choose_by_sorting, choose_by_loop],
}
WRONG = {
    "15.1": [blame_nobody, lambda right: blame_by_loop(right.flip(1))],
    "15.2": [mask_of_blocks, lambda kinds: mask_by_loop(kinds).float().cumsum(-1) > 0],
    "15.3": [choose_first, choose_cheapest, lambda tools, need: None],
}


@pytest.mark.parametrize(("exercise", "answer"), each(RIGHT))
def test_right_answers_of_other_styles_pass(exercise, answer):
    require_passed(exercise, answer)


@pytest.mark.parametrize(("exercise", "answer"), each(WRONG))
def test_wrong_answers_do_not(exercise, answer):
    require_refused(exercise, answer)


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ("????????????", "0 of 12 chosen"),
        ("dldd????????", "4 of 12 chosen"),
        ("DLDDNLDNBNLB", "12 of 12 as the course would choose."),
        ("DDDD NLDN BNLB", "11 of 12 as the course would choose; otherwise: 2."),
        ("DLDD", "got 4 letters"),
        ("DLDDNLDNBNLBD", "got 13 letters"),
        ("XXXXXXXXXXXX", "got 'X' in it"),
    ],
)
def test_the_chooser_marks_twelve_letters_and_says_what_is_wrong_with_others(choice, words):
    assert words in marked(choice)
    assert len(TASKS) == 12
