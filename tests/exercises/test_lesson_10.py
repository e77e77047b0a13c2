"""Lesson 10's checks: right answers of any style pass, wrong ones do not, however they are made."""

import math

import pytest
import torch
import torch.nn.functional as F
from answering import each, require_passed, require_refused

from course_utils import exercises
from course_utils.exercises.checks import grade

INF = math.inf

# 10.2


def matches_by_mask(written, target, stop):
    """Both padded to one width with a token of its own; what is behind a stop does not count."""
    width = max(written.shape[1], target.shape[1])
    w = F.pad(written, (0, width - written.shape[1]), value=-1)
    t = F.pad(target, (0, width - target.shape[1]), value=-1)
    is_stop = t == stop
    behind = is_stop.cumsum(1) - is_stop.long() > 0
    return ((w == t) | behind).all(1)


def matches_by_loop(written, target, stop):
    result = []
    for row, answer in zip(written, target, strict=True):
        right = False
        for i in range(min(len(row), len(answer))):
            if row[i] != answer[i]:
                break
            if row[i] == stop:
                right = True
                break
        result.append(right)
    return torch.tensor(result)


def matches_by_cutting(written, target, stop):
    def cut(row):
        row = row.tolist()
        return tuple(row[: row.index(stop)]) if stop in row else None

    return torch.tensor([cut(w) == cut(t) for w, t in zip(written, target, strict=True)])


def matches_by_first_stop(written, target, stop):
    end = (target == stop).int().argmax(1)
    return torch.stack(
        [
            torch.tensor(torch.equal(w[: e + 1], t[: e + 1]))
            for w, t, e in zip(written, target, end.tolist(), strict=True)
        ]
    )


# 10.1


def several_by_loop(query, sources):
    """One query at a time, over the real words only."""
    result = torch.zeros_like(query)
    for b in range(len(query)):
        keys = torch.cat([keys[b][real[b]] for keys, _, real in sources])
        values = torch.cat([values[b][real[b]] for _, values, real in sources])
        for t in range(query.shape[1]):
            result[b, t] = ((keys @ query[b, t]) / math.sqrt(query.shape[2])).softmax(0) @ values
    return result


def several_fused(query, sources):
    keys, values, real = (torch.cat(parts, 1) for parts in zip(*sources, strict=True))
    mask = real[:, None].expand(-1, query.shape[1], -1)
    return F.scaled_dot_product_attention(query, keys, values, attn_mask=mask)


def several_by_adding(query, sources):
    scores, values = [], []
    for keys, value, real in sources:
        hidden = torch.zeros(real.shape).masked_fill(~real, -INF)
        scores.append(torch.einsum("btk,bsk->bts", query, keys) * query.shape[-1] ** -0.5
                      + hidden.unsqueeze(1))  # fmt: skip
        values.append(value)
    return torch.einsum("bts,bsk->btk", torch.cat(scores, -1).softmax(-1), torch.cat(values, 1))


def several_by_shares(query, sources):
    """A look at each source, mixed by the share of the softmax that each has."""
    totals, found = [], []
    for keys, values, real in sources:
        scores = (query @ keys.mT / math.sqrt(query.size(-1))).masked_fill(~real[:, None], -INF)
        totals.append(scores.logsumexp(-1, keepdim=True))
        found.append(scores.softmax(-1).nan_to_num(0.0) @ values)
    shares = torch.cat(totals, -1).softmax(-1)
    return sum(shares[..., i : i + 1] * f for i, f in enumerate(found))


# 10.3


def greedy_with_lists(read, write, source, start, stop, most):
    states, rows, over = read(source), [[start] for _ in source], [False] * len(source)
    for _ in range(most):
        logits = write(torch.tensor(rows), states)
        for b, row in enumerate(rows):
            row.append(int(logits[b, -1].argmax()))
            over[b] = over[b] or row[-1] == stop
        if all(over):
            break
    return [row[1 : row.index(stop, 1)] if stop in row[1:] else row[1:] for row in rows]


def greedy_while(read, write, source, start, stop, most):
    states = read(source)
    target = source.new_full((source.shape[0], 1), start)
    ended = torch.zeros(len(source), dtype=torch.bool)
    while target.shape[1] <= most and not ended.all():
        new = write(target, states)[:, -1, :].max(dim=-1).indices
        ended = ended | (new == stop)
        target = torch.cat((target, new.unsqueeze(1)), dim=1)
    found = []
    for row in target[:, 1:]:
        words = []
        for token in row:
            if token == stop:
                break
            words.append(token.item())
        found.append(words)
    return found


def greedy_freezing(read, write, source, start, stop, most):
    """A row that has ended is filled with stops."""
    states, target = read(source), torch.full((len(source), 1), start)
    over = torch.zeros(len(source), dtype=torch.bool)
    for _ in range(most):
        new = torch.where(over, stop, write(target, states)[:, -1].softmax(-1).argmax(-1))
        over |= new == stop
        target = torch.cat([target, new[:, None]], 1)
        if over.all():
            break
    return [[t for t in row if t != stop] for row in target[:, 1:].tolist()]


RIGHT = {
    "10.1": [several_by_loop, several_fused, several_by_adding, several_by_shares],
    "10.2": [matches_by_mask, matches_by_loop, matches_by_cutting, matches_by_first_stop],
    "10.3": [greedy_with_lists, greedy_while, greedy_freezing],
}


def until(row, stop):
    """The row up to its first stop, that included."""
    return row[: row.index(stop) + 1] if stop in row else row


def changed(change):
    """The right answer for sources that `change` has made of the given ones."""
    return lambda q, those: several_by_loop(q, [change(*one) for one in those])


def one_at_a_time(read, write, source, start, stop, most):
    return [greedy_while(read, write, row[None], start, stop, most)[0] for row in source]


WRONG = {
    "10.1": [
        lambda q, those: several_by_loop(q, those[-1:]),
        lambda q, those: several_by_loop(q, those[:2]),
        lambda q, those: sum(several_fused(q, [one]).nan_to_num(0.0) for one in those),
        lambda q, those: sum(several_fused(q, [one]).nan_to_num(0.0) for one in those) / len(those),
        lambda q, those: several_by_loop(2 * q, those),
        lambda q, those: several_by_loop(q.roll(1, 0), those),
        lambda q, those: several_by_loop(q, those)[:, -1:],
        lambda q, those: several_by_loop(q, those).mT,
        lambda q, those: torch.cat([several_by_loop(q, [one]) for one in those], -1),
        lambda q, those: several_by_loop(torch.zeros_like(q), those),
        lambda q, those: those[0][1][:, : q.shape[1]],
        changed(lambda k, v, real: (v, v, real)),
        changed(lambda k, v, real: (k, k, real)),
        changed(lambda k, v, real: (k, v, torch.ones_like(real))),
        changed(lambda k, v, real: (k, v, real.any(0).expand_as(real))),
        changed(lambda k, v, real: (k * real[..., None], v, real | True)),
        changed(lambda k, v, real: (k * real[..., None], v * real[..., None], real | True)),
    ],
    "10.2": [
        lambda w, t, stop: torch.ones(len(w), dtype=torch.bool),
        lambda w, t, stop: (
            (w[:, 0] == t[:, 0])
            & ((w == stop).int().argmax(1) == (t == stop).int().argmax(1))
            & (w == stop).any(1)
        ),
        lambda w, t, stop: torch.tensor(
            [
                [x for x in until(a, stop) if x] == [x for x in until(b, stop) if x]
                for a, b in zip(w.tolist(), t.tolist(), strict=True)
            ]
        ),
        lambda w, t, stop: torch.zeros(len(w), dtype=torch.bool),
        lambda w, t, stop: w[:, 0] == t[:, 0],
        lambda w, t, stop: matches_by_mask(w[:, :-1], t[:, :-1], stop),
        lambda w, t, stop: matches_by_mask(w, t, 2),
        lambda w, t, stop: (w == stop).any(1),
        lambda w, t, stop: (w == stop).int().argmax(1) == (t == stop).int().argmax(1),
        lambda w, t, stop: matches_by_mask(w, t, stop).float().mean(),
        lambda w, t, stop: ~matches_by_mask(w, t, stop),
        lambda w, t, stop: torch.tensor([stop in row for row in w.tolist()]),
        lambda w, t, stop: matches_by_mask(t, w, stop) | (w != stop).all(1),
    ],
    "10.3": [
        one_at_a_time,
        lambda *a: [row[::-1] for row in greedy_while(*a)],
        lambda *a: [row[:-1] for row in greedy_while(*a)],
        lambda *a: [row[:3] for row in greedy_while(*a)],
        lambda *a: greedy_while(*a)[:1],
        lambda *a: [list(dict.fromkeys(row)) for row in greedy_while(*a)],
        lambda *a: greedy_while(*a[:5], a[5] - 1) if a[5] > 1 else [[] for _ in a[2]],
        lambda *a: torch.tensor([len(row) for row in greedy_while(*a)]),
        lambda *a: greedy_while(*a[:3], a[4], a[3], a[5]),
        lambda read, write, source, *a: greedy_while(read, write, source.flip(1), *a),
        lambda *a: [[] for _ in a[2]],
        lambda *a: None,
    ],
}  # fmt: skip


@pytest.mark.parametrize(("exercise", "answer"), each(RIGHT))
def test_a_right_answer_of_another_style_passes(exercise, answer):
    require_passed(exercise, answer)


@pytest.mark.parametrize(("exercise", "answer"), each(WRONG))
def test_a_wrong_answer_is_refused(exercise, answer):
    require_refused(exercise, answer)


@pytest.mark.parametrize(
    ("name", "answer", "words"),
    [
        ("10.2", lambda w, t, stop: matches_by_mask(w, t, stop).all(), "one for each row"),
        ("10.1", changed(lambda k, v, r: (k, v, torch.ones_like(r))), "Padding gets attention"),
        ("10.1", lambda q, those: several_by_adding(q, those[:1]), "Only the first source"),
        ("10.3", one_at_a_time, "all rows grow together"),
        ("10.3", lambda *a: [[a[3], *row] for row in greedy_while(*a)], "The start token"),
    ],
)
def test_a_usual_slip_is_named(name, answer, words):
    (hint,) = grade(exercises.find(name), answer).details
    assert words in hint


def test_the_cases_hold_what_tells_answers_apart():
    written = list(exercises.find("10.2").cases())
    assert any(w.shape[1] < t.shape[1] for w, t, _ in written)
    assert any(w.shape[1] > t.shape[1] for w, t, _ in written)
    assert any((w != stop).all(1).any() for w, _, stop in written)
    looks = list(exercises.find("10.1").cases())
    assert {len(sources) for _, sources in looks} == {1, 2, 3}
    nothing = [~real.any(1) for _, sources in looks for *_, real in sources]
    assert any(row.any() and not row.all() for row in nothing)  # one source is all padding
    assert all(torch.stack([r.any(1) for *_, r in those]).any(0).all() for _, those in looks)


def test_a_failure_of_greedy_writing_names_the_arguments():
    (called, *_) = grade(
        exercises.find("10.3"), lambda read, write, source, start, stop, most: [[] for _ in source]
    ).details
    assert "most = 20" in called
    assert "stop = 2" in called
