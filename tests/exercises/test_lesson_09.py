"""Lesson 09's checks: right answers of any style pass, wrong ones do not, however they are made."""

import math

import pytest
import torch
from answering import each, require_passed, require_refused

from course_utils import exercises
from course_utils.exercises.checks import grade
from course_utils.language import beam_search, keep_min_p, keep_top_k, keep_top_p
from course_utils.records import last

INF = math.inf

# 09.1


def pick_by_loop(probs, coins):
    tokens = []
    for row, coin in zip(probs.tolist(), coins.tolist(), strict=True):
        token = 0
        while token < len(row) - 1 and coin >= row[token]:
            coin -= row[token]
            token += 1
        tokens.append(token)
    return torch.tensor(tokens)


def pick_first_above(probs, coins):
    ends = probs.cumsum(dim=1)
    return (ends / ends[:, -1:] > coins.unsqueeze(1)).float().argmax(dim=1)


def pick_by_search(probs, coins):
    found = torch.searchsorted(probs.cumsum(-1), coins[:, None], right=True).squeeze(-1)
    return found.clamp(max=probs.shape[1] - 1)


def pick_by_pieces(probs, coins):
    ends = probs.double().cumsum(-1)
    ends, probs = ends / ends[:, -1:], probs / ends[:, -1:]
    inside = (coins[:, None] >= ends - probs) & (coins[:, None] < ends)
    return inside.int().argmax(-1)


# 09.2


def typical_by_loop(logits, mass):
    result = torch.full_like(logits, -INF)
    for row, (old, probs) in enumerate(zip(logits, logits.softmax(-1), strict=True)):
        entropy = -sum(p * math.log(p) for p in probs.tolist() if p > 0)
        far = {
            i: abs(-math.log(p) - entropy) if p > 0 else INF for i, p in enumerate(probs.tolist())
        }
        total = 0.0
        for token in sorted(far, key=far.get):
            if total >= mass:
                break
            result[row, token] = old[token]
            total += float(probs[token])
    return result


def typical_by_border(logits, mass):
    """Keeps all that are as near as the one that reaches the mass, as transformers does."""
    logs = logits.log_softmax(-1)
    entropy = -(logs * logs.exp()).nansum(-1, keepdim=True)
    far = (-logs - entropy).abs()
    ordered, order = far.sort(-1)
    count = (logits.gather(-1, order).softmax(-1).cumsum(-1) < mass).sum(-1, keepdim=True)
    return logits.masked_fill(far > ordered.gather(-1, count), -INF)


def typical_by_ranks(logits, mass):
    probs = torch.softmax(logits, 1)
    surprise = -torch.log(probs)
    order = (surprise - torch.special.entr(probs).sum(1, keepdim=True)).abs().argsort(1)
    ranks = order.argsort(1)
    total = probs.gather(1, order).cumsum(1).roll(1, 1)
    total[:, 0] = 0
    return torch.where((total < mass).gather(1, ranks), logits, -INF)


def typical_gathered(logits, mass):
    logs = logits.log_softmax(-1)
    order = (-logs - torch.special.entr(logs.exp()).sum(-1, keepdim=True)).abs().argsort(-1)
    probs = logs.exp().gather(-1, order)
    return logits.masked_fill((probs.cumsum(-1) - probs >= mass).gather(-1, order), -INF)


def typical_undefined(logits, mass):
    logs = logits.log_softmax(-1)
    order = (-logs + (logs.exp() * logs).sum(-1, keepdim=True)).abs().argsort(-1)
    probs = logs.exp().gather(-1, order)
    enough = probs.cumsum(-1) - probs >= mass
    return logits.masked_fill(enough.scatter(-1, order, enough), -INF)


# 09.3


def search_by_lists(next_logs, start, width, num_steps):
    beams = [(0.0, start.tolist())]
    for _ in range(num_steps):
        longer = []
        for score, text in beams:
            logs = next_logs(torch.tensor([text]))[0].tolist()
            longer += [(score + log, [*text, token]) for token, log in enumerate(logs)]
        beams = sorted(longer, key=lambda beam: -beam[0])[:width]
    return torch.tensor([text for _, text in beams]), torch.tensor([score for score, _ in beams])


def search_by_sort(next_logs, start, width, num_steps):
    texts, scores = start.unsqueeze(0), torch.zeros(1, 1)
    for _ in range(num_steps):
        total = (scores + next_logs(texts)).reshape(-1)
        order = total.argsort(descending=True)[:width]
        size = len(total) // len(texts)
        new = (order % size).unsqueeze(1)
        texts = torch.hstack([texts[torch.div(order, size, rounding_mode="floor")], new])
        scores = total[order].unsqueeze(1)
    return texts, scores.squeeze(1)


def search_from_copies(next_logs, start, width, num_steps):
    """Copies are harmless if all but one begin with a score of -inf, and those are dropped."""
    texts = start.expand(width, -1)
    scores = torch.full((width,), -INF)
    scores[0] = 0
    for _ in range(num_steps):
        total = scores[:, None] + next_logs(texts)
        scores, best = total.flatten().topk(width)
        texts = torch.cat([texts[best // total.shape[1]], best[:, None] % total.shape[1]], 1)
    return texts[scores > -INF], scores[scores > -INF]


def search_by_package(next_logs, start, width, num_steps):
    def model(tokens):
        return next_logs(tokens)[:, None]

    final = last(beam_search(model, start[None], width=width, max_new_tokens=num_steps))
    return final.state[0], final.prediction[0]


RIGHT = {
    "09.1": [pick_by_loop, pick_first_above, pick_by_search, pick_by_pieces],
    "09.2": [typical_by_loop, typical_by_border, typical_by_ranks],
    "09.3": [search_by_lists, search_by_sort, search_from_copies, search_by_package],
}


def beams(next_logs, start, width, num_steps, *, remember=True, best_of_each=False, log=True):
    texts, scores = start[None], torch.zeros(1)
    for _ in range(num_steps):
        logs = next_logs(texts) if log else next_logs(texts).exp()
        total = scores[:, None] + logs if remember else logs
        if best_of_each:
            values, new = total.topk(min(width, total.shape[1]), 1)
            texts = torch.cat([texts.repeat_interleave(new.shape[1], 0), new.reshape(-1, 1)], 1)
            scores, order = values.flatten().sort(descending=True)
            texts, scores = texts[order][:width], scores[:width]
            continue
        scores, best = total.flatten().topk(min(width, total.numel()))
        texts = torch.cat([texts[best // total.shape[1]], best[:, None] % total.shape[1]], 1)
    return texts, scores


WRONG = {
    "09.1": [
        lambda p, c: p.argmax(-1),
        lambda p, c: (p.cumsum(-1) <= c[:, None]).sum(-1),  # may fall off the end
        lambda p, c: (p.cumsum(-1) > c[:, None]).int().argmax(-1),
        lambda p, c: torch.multinomial(p, 1)[:, 0],
        lambda p, c: (p.cumsum(-1) < c[:, None]).sum(-1),
        lambda p, c: torch.searchsorted(p.cumsum(-1), c[:, None])[:, 0],
        lambda p, c: (p.cumsum(-1) >= c[:, None]).int().argmax(-1),
        lambda p, c: (p.cumsum(0) <= c[:, None]).sum(-1),
        lambda p, c: (p > c[:, None]).int().argmax(-1),
        lambda p, c: (c * p.shape[1]).long(),
        lambda p, c: (p.cumsum(-1) <= c[:, None]).sum(),
        lambda p, c: p.cumsum(-1) <= c[:, None],
        lambda p, c: (p.flip(-1).cumsum(-1) <= c[:, None]).sum(-1),
        lambda p, c: (p.cumsum(-1) <= 1 - c[:, None]).sum(-1),
    ],
    "09.2": [
        lambda x, m: keep_top_p(x, m),
        lambda x, m: keep_top_k(x, 3),
        lambda x, m: keep_min_p(x, m),
        lambda x, m: typical_by_ranks(x, 1 - m),
        lambda x, m: typical_by_ranks(x, m).softmax(-1),
        lambda x, m: typical_by_ranks(x, m).nan_to_num(neginf=0.0),
        lambda x, m: typical_by_ranks(x.mean(0, keepdim=True), m) + 0 * x,
        lambda x, m: typical_by_loop(x, m / 2),
        lambda x, m: x,
    ],
    "09.3": [
        lambda f, s, w, n: beams(f, s, w, n, remember=False),
        lambda f, s, w, n: beams(f, s, w, n, log=False),
        lambda f, s, w, n: beams(f, s, 1, n),
        lambda f, s, w, n: beams(f, s, w + 1, n),
        lambda f, s, w, n: beams(f, s, w, n - 1),
        lambda f, s, w, n: tuple(part[:1] for part in beams(f, s, w, n)),
        lambda f, s, w, n: beams(f, s, w, n)[0],
        lambda f, s, w, n: beams(f, s, w, n)[::-1],
        lambda f, s, w, n: tuple(part.flip(0) for part in beams(f, s, w, n)),
        lambda f, s, w, n: (beams(f, s, w, n)[0], beams(f, s, w, n)[1].exp()),
    ],
}


@pytest.mark.parametrize(("exercise", "answer"), each(RIGHT))
def test_a_right_answer_of_another_style_passes(exercise, answer):
    require_passed(exercise, answer)


def test_the_best_of_each_beams_best_is_the_same():
    """Each beam's own `width` best hold all that can win: another right way."""
    best = lambda f, s, w, n: beams(f, s, w, n, best_of_each=True)  # noqa: E731
    assert grade(exercises.find("09.3"), best).verdict == "passed"


@pytest.mark.parametrize(("exercise", "answer"), each(WRONG))
def test_a_wrong_answer_is_refused(exercise, answer):
    require_refused(exercise, answer)


@pytest.mark.parametrize(
    ("name", "answer", "words"),
    [
        ("09.1", lambda p, c: (p.cumsum(-1) < c[:, None]).sum(-1), "< or <="),
        ("09.1", lambda p, c: p.argmax(-1), "greedy"),
        ("09.1", lambda p, c: (p.cumsum(-1) <= c[:, None]).sum(-1), "does not exist"),
        ("09.2", lambda x, m: typical_gathered(x, m), "put them there"),
        ("09.2", lambda x, m: typical_undefined(x, m), "0 log 0"),
        ("09.2", lambda x, m: keep_top_p(x, m), "This is top-p"),
        ("09.3", lambda f, s, w, n: beams(f, s, w, n, remember=False), "log-probability so far"),
        ("09.3", lambda f, s, w, n: beams(f, s, 1, n), "one text only"),
    ],
)
def test_a_usual_slip_is_named(name, answer, words):
    (hint,) = grade(exercises.find(name), answer).details
    assert words in hint


def test_the_cases_hold_what_tells_answers_apart():
    assert any((case[0] == 0).any() for case in exercises.find("09.1").cases())
    typical = exercises.find("09.2")
    for logits, mass in typical.cases():
        kept = torch.isfinite(typical.reference(logits, mass))
        assert not kept.all()
    gone = [
        ~torch.isfinite(typical.reference(logits, mass)).gather(1, logits.argmax(1, keepdim=True))
        for logits, mass in typical.cases()
    ]
    assert any(removed.any() for removed in gone)  # the likeliest token is not always typical
