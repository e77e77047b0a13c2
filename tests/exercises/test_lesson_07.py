"""Lesson 07's checks: right answers of any style pass, wrong ones do not, however they are made."""

import math

import pytest
import torch
import torch.nn.functional as F
from answering import each, require_passed, require_refused

from course_utils import exercises, layers
from course_utils.exercises.checks import grade

INF = math.inf


def hidden(scores, window):
    """True where a row of the last positions may not look, one place after the other."""
    num_rows, num_columns = scores.shape
    mask = torch.zeros(num_rows, num_columns, dtype=torch.bool)
    for i in range(num_rows):
        for j in range(num_columns):
            position = num_columns - num_rows + i
            mask[i, j] = not position - window < j <= position
    return mask


def band(scores, window):
    """The same as `hidden`, turned round, by two triangles."""
    gap = scores.shape[1] - scores.shape[0]
    return torch.ones_like(scores).tril(gap).triu(gap - window + 1).bool()


# 07.1


def softmax_by_loop(scores):
    rows = scores.reshape(-1, scores.shape[-1])
    result = torch.empty_like(rows)
    for index, row in enumerate(rows.tolist()):
        shares = [math.exp(s - max(row)) for s in row]
        result[index] = torch.tensor([share / sum(shares) for share in shares])
    return result.view_as(scores)


def softmax_by_differences(scores):
    """1 / sum_i e^(s_i - s_j); e^inf = inf is harmless here, inf - inf is not."""
    safe = scores.clamp(min=-1e30)
    return 1 / (safe[..., None, :] - safe[..., :, None]).exp().sum(-1)


def softmax_shifted(scores):
    """Any number may be taken away, if it is near the largest; any factor cancels."""
    shares = 7 * torch.exp(scores - scores.max(-1)[0].unsqueeze(-1) + 3)
    return shares / shares.sum(-1)[..., None]


def softmax_in_place(scores):
    shares = scores.clone()
    shares -= shares.max(dim=-1, keepdim=True).values
    shares.exp_()
    shares /= shares.sum(dim=-1, keepdim=True)
    return shares


# 07.2


def window_by_loop(scores, window):
    num_rows, num_columns = scores.shape
    result = torch.zeros_like(scores)
    for i in range(num_rows):
        end = num_columns - num_rows + i + 1
        start = max(0, end - window)
        result[i, start:end] = scores[i, start:end].softmax(0)
    return result


def window_of_a_square(scores, window):
    """Fills up to a square and takes the last rows."""
    num_rows, num_columns = scores.shape
    square = torch.zeros(num_columns, num_columns)
    square[num_columns - num_rows :] = scores
    j = torch.arange(num_columns)
    far = (j[None] > j[:, None]) | (j[:, None] - j[None] >= window)
    return square.masked_fill(far, -INF).softmax(-1)[num_columns - num_rows :]


def window_after_the_softmax(scores, window):
    """Right if the largest visible score is taken away first and each row is divided again."""
    seen = band(scores, window)
    top = scores.masked_fill(~seen, -INF).amax(1, keepdim=True)
    shares = torch.where(seen, (scores - top).clamp(max=0).exp(), 0.0)
    return shares / shares.sum(1, keepdim=True)


# 07.3


def hand_by_loop(tokens, num_letters):
    result = torch.zeros(len(tokens), num_letters)
    text = tokens.tolist()
    for i, letter in enumerate(text):
        found = [text[j] for j in range(1, i + 1) if text[j - 1] == letter] or text[: i + 1]
        for after in found:
            result[i, after] += 1 / len(found)
    return result


def hand_by_package(tokens, num_letters):
    letters = F.one_hot(tokens, num_letters).float()
    notes = F.pad(letters, (0, 0, 1, 0))[:-1]
    query = 1000 * letters
    return layers.attention(query[None, None], notes[None, None], letters[None, None], causal=True)[
        0, 0
    ]


def hand_by_comparing(tokens, num_letters):
    previous = torch.cat([torch.tensor([-1]), tokens[:-1]])
    scores = 50.0 * (tokens[:, None] == previous[None])
    scores = scores + torch.full_like(scores, -INF).triu(1)
    return scores.softmax(-1) @ F.one_hot(tokens, num_letters).float()


def hand_by_matrix(tokens, num_letters):
    """Layer 1 as a matrix of attention weights that looks one back."""
    letters = torch.eye(num_letters)[tokens]
    one_back = torch.diag(torch.ones(len(tokens) - 1), -1)
    seen = torch.ones(len(tokens), len(tokens)).tril().bool()
    scores = torch.where(seen, 50 * letters @ (one_back @ letters).mT, -INF)
    return torch.einsum("ij,jv->iv", scores.softmax(-1), letters)


def hand_by_counting(tokens, num_letters):
    letters = torch.eye(num_letters)[tokens]
    notes = torch.zeros_like(letters)
    notes[1:] = letters[:-1]
    fits = (letters @ notes.T).tril()
    every = torch.ones_like(fits).tril()
    use = torch.where(fits.any(1, keepdim=True), fits, every)
    return use / use.sum(1, keepdim=True) @ letters


def hand_in_doubles(tokens, num_letters):
    letters = torch.eye(num_letters, dtype=torch.float64)[tokens]
    notes = letters.roll(1, 0)
    notes[0] = 0
    shares = (80 * letters @ notes.T).exp().tril()
    return shares / shares.sum(-1, keepdim=True) @ letters


# 07.4


def once_with_tensors(query, keys, values):
    top = torch.tensor(-INF)
    total, mixed = torch.zeros(()), torch.zeros(values.shape[1])
    for i in range(len(keys)):
        score = (query * keys[i]).sum() / len(query) ** 0.5
        new = torch.maximum(top, score)
        total = total * (top - new).exp() + (score - new).exp()
        mixed = mixed * (top - new).exp() + (score - new).exp() * values[i]
        top = new
    return mixed / total


def once_as_average(query, keys, values):
    """Keeps the average itself, which moves towards each value by the share of its weight."""
    average, log_total = values[0], None
    for key, value in zip(keys, values, strict=True):
        score = query.dot(key) / math.sqrt(query.numel())
        log_total = score if log_total is None else torch.logaddexp(log_total, score)
        average = average + (score - log_total).exp() * (value - average)
    return average


def once_from_the_first(query, keys, values):
    top = float(query @ keys[0]) / math.sqrt(len(query))
    total, mixed = 1.0, values[0].clone()
    for key, value in zip(keys[1:], values[1:], strict=True):
        score = float(query @ key) / math.sqrt(len(query))
        if score > top:
            total, mixed = total * math.exp(top - score), mixed * math.exp(top - score)
            top = score
        total += math.exp(score - top)
        mixed += math.exp(score - top) * value
    return mixed / total


def once_by_two_halves(query, keys, values):
    """Merges pieces, as a kernel does."""

    def piece(first, last):
        if last - first == 1:
            return query @ keys[first] / len(query) ** 0.5, torch.ones(()), values[first]
        middle = (first + last) // 2
        (a, wa, xa), (b, wb, xb) = piece(first, middle), piece(middle, last)
        top = torch.maximum(a, b)
        a, b = (a - top).exp(), (b - top).exp()
        return top, a * wa + b * wb, a * xa + b * xb

    _, total, mixed = piece(0, len(keys))
    return mixed / total


def once_with_a_column(query, keys, values):
    """One more column of ones in the values keeps the total."""
    wide = torch.cat([values, torch.ones(len(values), 1)], 1)
    top, sums = torch.tensor(-INF), torch.zeros(wide.shape[1])
    for key, row in zip(keys, wide, strict=True):
        score = query @ key / query.shape[0] ** 0.5
        new = max(top, score)
        sums, top = sums * (top - new).exp() + (score - new).exp() * row, new
    return sums[:-1] / sums[-1]


def three_lines(query, keys, values):
    """Holds a row of scores: the check sees the result only."""
    return (keys @ query / math.sqrt(len(query))).softmax(0) @ values


RIGHT = {
    "07.1": [
        lambda s: s.softmax(-1),
        lambda s: (s - s.logsumexp(dim=-1, keepdim=True)).exp(),
        lambda s: F.log_softmax(s, dim=-1).exp(),
        lambda s: F.softmax(s.double(), dim=-1),
        softmax_shifted,
        softmax_by_loop,
        softmax_by_differences,
        softmax_in_place,
    ],
    "07.2": [
        lambda s, w: s.masked_fill(hidden(s, w), -INF).softmax(-1),
        lambda s, w: torch.where(band(s, w), s, -INF).softmax(-1),
        lambda s, w: (s + torch.where(band(s, w), 0.0, -INF)).softmax(-1),
        lambda s, w: s.masked_fill(~band(s, w), torch.finfo(s.dtype).min).softmax(dim=1),
        window_by_loop,
        window_of_a_square,
        window_after_the_softmax,
    ],
    "07.3": [
        hand_by_loop,
        hand_by_package,
        hand_by_comparing,
        hand_by_matrix,
        hand_by_counting,
        hand_in_doubles,
    ],
    "07.4": [
        once_with_tensors,
        once_as_average,
        once_from_the_first,
        once_by_two_halves,
        once_with_a_column,
        three_lines,
    ],
}


def letters_of(tokens, num_letters):
    letters = torch.eye(num_letters)[tokens]
    return letters, torch.cat([torch.zeros(1, num_letters), letters[:-1]])


def by_hand(tokens, num_letters, *, causal=True, sharp=50.0, pages_size=False):
    letters, notes = letters_of(tokens, 16 if pages_size else num_letters)
    scores = sharp * letters @ notes.T
    if causal:
        scores = scores.masked_fill(torch.ones_like(scores).triu(1).bool(), -INF)
    return scores.softmax(-1) @ letters


def naive(query, keys, values):
    total, mixed = 0.0, torch.zeros_like(values[0])
    for key, value in zip(keys, values, strict=True):
        share = (query @ key / math.sqrt(len(query))).exp()
        total, mixed = total + share, mixed + share * value
    return mixed / total


def window_by_zeros(scores, window):
    gap = scores.shape[1] - scores.shape[0]
    kept = scores.tril(gap).triu(gap - window + 1)
    return kept.masked_fill(kept == 0, -INF).softmax(-1)


WRONG = {
    "07.1": [
        lambda s: s.exp() / s.exp().sum(-1, keepdim=True),
        lambda s: (s - s.max()).exp() / (s - s.max()).exp().sum(-1, keepdim=True),
        lambda s: s.exp() / (s.exp().sum(-1, keepdim=True) + 1e-9),
        lambda s: (s / 1000).softmax(-1),
        lambda s: s.clamp(max=88).exp() / s.clamp(max=88).exp().sum(-1, keepdim=True),
        lambda s: s.softmax(0),
        lambda s: s.flatten().softmax(0).view_as(s),
        lambda s: (s.exp() / s.exp().sum(-1, keepdim=True)).nan_to_num(0.0),
        lambda s: F.normalize(s.exp(), p=1, dim=-1),
        lambda s: (s - s.abs().amax(-1, keepdim=True)).exp()
        / (s - s.abs().amax(-1, keepdim=True)).exp().sum(-1, keepdim=True),
        lambda s: s.sigmoid() / s.sigmoid().sum(-1, keepdim=True),
        lambda s: F.log_softmax(s, -1),
        lambda s: s.sub_(s.amax(-1, keepdim=True)).exp_().div_(s.sum(-1, keepdim=True)),
    ],
    "07.2": [
        lambda s, w: (s * band(s, w)).softmax(-1),
        window_by_zeros,
        lambda s, w: (s - 100 * hidden(s, w)).softmax(-1),
        lambda s, w: (s - 1000 * hidden(s, w)).softmax(-1),
        lambda s, w: s.masked_fill(hidden(s, w), -100.0).softmax(-1),
        lambda s, w: s.masked_fill(hidden(s, w), -1e4).softmax(-1),
        lambda s, w: s.masked_fill(hidden(s, w), -3e4).softmax(-1),
        lambda s, w: s.masked_fill(s <= 0, -INF).masked_fill(hidden(s, w), -INF).softmax(-1),
        lambda s, w: (s + hidden(s, w) * -INF).softmax(-1),
        lambda s, w: s.masked_fill(torch.ones_like(s).triu(1).bool(), -INF).softmax(-1),
        lambda s, w: s.masked_fill(torch.ones_like(s).tril().triu(1 - w) == 0, -INF).softmax(-1),
        lambda s, w: s.masked_fill(hidden(s, 3), -INF).softmax(-1),
        lambda s, w: s.masked_fill(hidden(s, w - 1), -INF).softmax(-1),
        lambda s, w: s.softmax(-1) * band(s, w)
        / (s.softmax(-1) * band(s, w)).sum(-1, keepdim=True),
        lambda s, w: s.masked_fill(hidden(s, w), -INF).softmax(-2),
        lambda s, w: s.exp() * band(s, w) / (s.exp() * band(s, w)).sum(-1, keepdim=True),
    ],
    "07.3": [
        lambda t, n: by_hand(t, n, causal=False),
        lambda t, n: by_hand(t, n, sharp=1),
        lambda t, n: by_hand(t, n, sharp=-50),
        lambda t, n: by_hand(t, n, pages_size=True),
        lambda t, n: by_hand(t, n).argmax(-1),
        lambda t, n: F.one_hot(by_hand(t, n).argmax(-1), n).float(),
        lambda t, n: by_hand(t, n)[-1],
        lambda t, n: by_hand(t, n).log(),
        lambda t, n: by_hand(t.flip(0), n).flip(0),
        lambda t, n: by_hand(t, n).clamp(max=0.5),
        lambda t, n: by_hand(t % 10, n),
        lambda t, n: torch.ones(len(t), n) / n,
        lambda t, n: torch.eye(n)[t].cumsum(0) / torch.arange(1, len(t) + 1)[:, None],
        lambda t, n: torch.eye(n)[t.roll(-1)],
    ],
    "07.4": [
        naive,
        lambda q, k, v: (k @ q).softmax(0) @ v,
        lambda q, k, v: (k @ q / len(q)).softmax(0) @ v,
        lambda q, k, v: (k @ q / math.sqrt(len(k))).softmax(0) @ v,
        lambda q, k, v: (k @ q / math.sqrt(4)).softmax(0) @ v,
        lambda q, k, v: (k @ q * math.sqrt(len(q))).softmax(0) @ v,
        lambda q, k, v: naive(q, k, v).nan_to_num(),
        lambda q, k, v: (k @ q / math.sqrt(len(q))).clamp(-80, 80).softmax(0) @ v,
        lambda q, k, v: v[(k @ q).argmax()],
        lambda q, k, v: v[(k @ q).argmax()] if (k @ q).abs().max() > 90 else three_lines(q, k, v),
        lambda q, k, v: v.mean(0),
        lambda q, k, v: three_lines(q, k, v)[None],
        lambda q, k, v: three_lines(q, k, v).sum(),
        lambda q, k, v: three_lines(q, k[:-1], v[:-1]) if len(k) > 1 else v[0],
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
        ("07.1", lambda s: s.exp() / s.exp().sum(-1, keepdim=True), "inf / inf"),
        ("07.1", lambda s: (e := (s - s.amax(-1, keepdim=True)).exp()) / e.sum(-1), "keepdim"),
        ("07.2", lambda s, w: (s + hidden(s, w) * -INF).softmax(-1), "0 * -inf is nan"),
        ("07.2", lambda s, w: (s - 100 * hidden(s, w)).softmax(-1), "100"),
        ("07.2", lambda s, w: s.masked_fill(hidden(s, w), -INF).softmax(0), "softmax(dim=-1)"),
        ("07.3", lambda t, n: by_hand(t, n, causal=False), "causal mask"),
        ("07.4", naive, "largest score so far"),
    ],
)
def test_a_usual_slip_is_named(name, answer, words):
    (hint,) = grade(exercises.find(name), answer).details
    assert words in hint


def test_the_cases_hold_what_tells_answers_apart():
    scores = [case[0] for case in exercises.find("07.2").cases()]
    assert any((s == 0).any() for s in scores)
    assert any((s < -9000).all() for s in scores)
    assert any((s > 9000).any() for s in scores)
    assert any(s.shape[0] < s.shape[1] for s in scores)
    assert any(s.exp().isinf().any() for (s,) in exercises.find("07.1").cases())
    for query, keys, values in exercises.find("07.4").cases()[:3]:
        assert len({*query.shape, *keys.shape, values.shape[1]}) == 3  # K, T and V differ
