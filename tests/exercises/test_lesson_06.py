"""Lesson 06: differently written right answers pass, and wrong ones that run do not."""

import math
from collections import Counter
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F

from course_utils.exercises import find
from course_utils.exercises.checks import grade
from course_utils.language import NGram, next_probs


def both(name, right, wrong):
    """One case for each answer, (exercise, function, verdict), with a name to be known by."""
    passed = [pytest.param(name, f, "passed", id=f"{name}-right-{n}") for n, f in enumerate(right)]
    refused = [
        pytest.param(name, f, "not right yet", id=f"{name}-wrong-{label}")
        for label, f in wrong.items()
    ]
    return passed + refused


# 06.1, temperature


def by_shifted_exponentials(logits, temperature):
    best = logits.max(dim=1, keepdim=True).values
    if temperature == 0:
        return (logits == best).float()
    weights = torch.exp((logits - best) / temperature)
    return weights / weights.sum(1, keepdim=True)


def row_by_row(logits, temperature):
    rows = []
    for row in logits:
        if temperature == 0:
            probs = torch.zeros(len(row))
            probs[row.argmax()] = 1.0
        else:
            probs = F.softmax(row / temperature, dim=0)
        rows.append(probs)
    return torch.stack(rows)


def by_logsumexp(logits, temperature):
    if not temperature:
        return torch.zeros_like(logits).scatter_(1, logits.argmax(1, keepdim=True), 1)
    scaled = logits / temperature
    return (scaled - scaled.logsumexp(-1, keepdim=True)).exp()


def in_double_precision(logits, temperature):
    if temperature == 0:
        return F.one_hot(logits.argmax(-1), num_classes=logits.size(-1)).double()
    return torch.softmax(logits.double() / temperature, -1)


def almost_zero(logits, temperature):
    """A tiny temperature in place of zero: the gaps of these cases are wide enough for it."""
    return (logits / max(temperature, 1e-4)).softmax(-1)


def sized_for_five(logits, temperature):
    probs = by_logsumexp(logits[:, :5], temperature)
    return F.pad(probs, (0, logits.shape[1] - min(5, logits.shape[1])))


def infinite_becomes_zero(logits, temperature):
    """-inf replaced by 0: an impossible token gets a chance."""
    return by_logsumexp(logits.nan_to_num(neginf=0.0), temperature)


def clamped(logits, temperature):
    """exp cannot overflow, but the large scores become equal."""
    return by_logsumexp(logits.clamp(-50, 50), temperature)


def impossible_at_minus_hundred(logits, temperature):
    return by_logsumexp(logits.masked_fill(logits == -math.inf, -100.0), temperature)


def powers_of_probabilities(logits, temperature):
    if temperature == 0:
        return by_logsumexp(logits, 0)
    powers = logits.softmax(-1) ** (1 / temperature)
    return powers / powers.sum(-1, keepdim=True)


def rounded_temperature(logits, temperature):
    return by_logsumexp(logits, round(temperature))


TEMPERATURE = both(
    "06.1",
    [
        next_probs,
        by_shifted_exponentials,
        row_by_row,
        by_logsumexp,
        in_double_precision,
        almost_zero,
    ],
    {
        "sized for five": sized_for_five,
        "impossible becomes possible": infinite_becomes_zero,
        "clamped": clamped,
        "rounded temperature": rounded_temperature,
        "impossible at -100": impossible_at_minus_hundred,
        "temperature and a thousandth": lambda logits, temperature: (
            logits / (temperature + 1e-3)
        ).softmax(-1),
        "powers of probabilities": powers_of_probabilities,
        "list": lambda logits, temperature: by_logsumexp(logits, temperature).tolist(),
        "logs": lambda logits, temperature: by_logsumexp(logits, temperature).log(),
        "greedy always": lambda logits, temperature: by_logsumexp(logits, 0),
    },
)


# 06.4, merges


def by_lowest_rank(piece, merges):
    """The merge that was learned first of all that can be done, until none can."""
    ranks, ids = {pair: rank for rank, pair in enumerate(merges)}, list(piece)
    while known := [ranks[pair] for pair in pairwise(ids) if pair in ranks]:
        rank, joined = min(known), []
        for token in ids:
            if joined and not isinstance(joined[-1], tuple) and (joined[-1], token) == merges[rank]:
                joined[-1] = (256 + rank,)  # closed: it takes no part in another pair now
            else:
                joined.append(token)
        ids = [token[0] if isinstance(token, tuple) else token for token in joined]
    return ids


def in_a_copy(piece, merges):
    ids = piece.copy()
    for number, (left, right) in enumerate(merges):
        i = 0
        while i < len(ids) - 1:
            if ids[i] == left and ids[i + 1] == right:
                ids[i : i + 2] = [256 + number]
            i += 1
    return ids


def by_recursion(piece, merges, number=256):
    if not merges:
        return list(piece)
    return by_recursion(glued(list(piece), merges[0], number), merges[1:], number + 1)


def glued(ids, pair, new):
    for i, two in enumerate(pairwise(ids)):
        if two == tuple(pair):
            return [*ids[:i], new, *glued(ids[i + 2 :], pair, new)]
    return ids


def with_an_iterator(piece, merges):
    ids = piece
    for new, pair in enumerate(merges, start=256):
        rest, joined = iter([*ids, None]), []
        here = next(rest)
        while here is not None:
            after = next(rest)
            if (here, after) == pair:
                joined.append(new)
                here = next(rest)
            else:
                joined.append(here)
                here = after
        ids = joined
    return list(ids)


def as_characters(piece, merges):
    """Tokens as characters of a string, which str.replace reads from left to right."""
    text = "".join(map(chr, piece))
    for number, (left, right) in enumerate(merges):
        text = text.replace(chr(left) + chr(right), chr(256 + number))
    return [ord(character) for character in text]


def with_tensors(piece, merges):
    return torch.tensor(in_a_copy(piece, merges), dtype=torch.long).tolist()


def as_decimal_text(piece, merges):
    """Numbers joined to text: 1 11 and 11 1 look alike there."""
    text = " ".join(map(str, piece))
    for number, (left, right) in enumerate(merges):
        text = text.replace(f"{left} {right}", str(256 + number))
    return [int(word) for word in text.split()]


def one_pass_over_the_text(piece, merges):
    """Each neighbour looked up once: no merge of merges."""
    numbers = {pair: 256 + number for number, pair in enumerate(merges)}
    ids, i = [], 0
    while i < len(piece):
        pair = tuple(piece[i : i + 2])
        ids.append(numbers.get(pair, piece[i]))
        i += 2 if pair in numbers else 1
    return ids


def in_place(piece, merges):
    piece[:] = in_a_copy(piece, merges)
    return piece


def twice_at_most(piece, merges):
    """Two pairs a merge are enough for short words only."""
    ids = list(piece)
    for number, pair in enumerate(merges):
        for _ in range(2):
            ids = glued_once(ids, pair, 256 + number)
    return ids


def glued_once(ids, pair, new):
    for i, two in enumerate(pairwise(ids)):
        if two == pair:
            return [*ids[:i], new, *ids[i + 2 :]]
    return ids


def skipping_after_a_run(piece, merges):
    """range(len) with a flag that is never taken back inside a run: wrong on a a a a."""
    ids = list(piece)
    for number, pair in enumerate(merges):
        joined, previous = [], False
        for i, token in enumerate(ids):
            here = tuple(ids[i : i + 2]) == pair
            if i and tuple(ids[i - 1 : i + 1]) == pair and previous:
                continue
            joined.append(256 + number if here else token)
            previous = here or previous
        ids = joined
    return ids


ENCODE = both(
    "06.4",
    [
        by_lowest_rank,
        in_a_copy,
        by_recursion,
        with_an_iterator,
        as_characters,
        with_tensors,
    ],
    {
        "decimal text": as_decimal_text,
        "one pass": one_pass_over_the_text,
        "in place": in_place,
        "twice at most": twice_at_most,
        "runs": skipping_after_a_run,
        "tensor": lambda piece, merges: torch.tensor(in_a_copy(piece, merges)),
        "set of pairs": lambda piece, merges: in_a_copy(piece, sorted(merges)),
    },
)


# 06.3, cross-entropy


def over_texts_and_places(logits, targets):
    total = 0.0
    for text, wanted in zip(logits, targets, strict=True):
        for scores, target in zip(text, wanted, strict=True):
            total = total - torch.log_softmax(scores, 0)[target]
    return total / targets.numel()


def by_indices(logits, targets):
    rows, columns = logits.reshape(-1, logits.shape[-1]), targets.reshape(-1)
    return (rows.logsumexp(1) - rows[torch.arange(len(rows)), columns]).mean()


def with_own_shift(logits, targets):
    shifted = logits - logits.amax(-1, keepdim=True)
    log_total = shifted.exp().sum(-1).log()
    return (log_total - shifted.gather(2, targets.unsqueeze(2)).squeeze(2)).mean()


@torch.no_grad()
def without_gradient(logits, targets):
    return with_own_shift(logits, targets)


def shifted_by_the_largest_of_all(logits, targets):
    shifted = logits - logits.max()
    wanted = shifted.gather(2, targets.unsqueeze(2)).squeeze(2)
    return (shifted.exp().sum(-1).log() - wanted).mean()


def masked_one_hot(logits, targets):
    hot = F.one_hot(targets, logits.shape[-1]).bool()
    return -logits.log_softmax(-1)[hot].mean()


CROSS_ENTROPY = both(
    "06.3",
    [
        lambda logits, targets: F.cross_entropy(logits.flatten(0, 1), targets.flatten()),
        lambda logits, targets: F.cross_entropy(logits.transpose(1, 2), targets),
        over_texts_and_places,
        by_indices,
        with_own_shift,
        masked_one_hot,
        lambda logits, targets: torch.nn.functional.nll_loss(
            logits.log_softmax(-1).reshape(-1, logits.shape[2]), targets.reshape(-1)
        ),
    ],
    {
        "small number inside the log": lambda logits, targets: (
            -(logits.softmax(-1) + 1e-9).log().gather(-1, targets[..., None]).mean()
        ),
        "clamped": lambda logits, targets: by_indices(logits.clamp(-100, 100), targets),
        "impossible becomes zero": lambda logits, targets: by_indices(
            logits.nan_to_num(neginf=0.0), targets
        ),
        "mean of the means of unequal parts": lambda logits, targets: (
            (by_indices(logits[:, :1], targets[:, :1]) + by_indices(logits, targets)) / 2
        ),
        "axes confused": lambda logits, targets: F.cross_entropy(
            logits.reshape(len(logits), logits.shape[2], -1), targets
        ),
        "shifted by the largest of all": shifted_by_the_largest_of_all,
        "perplexity": lambda logits, targets: by_indices(logits, targets).exp(),
        "without gradient": without_gradient,
        "a number": lambda logits, targets: by_indices(logits, targets).item(),
        "detached": lambda logits, targets: by_indices(logits.detach(), targets),
        "nothing to train": lambda logits, targets: torch.zeros(()),
    },
)


# 06.2, back-off


def by_the_ngram(text, context, vocab_size, strength):
    """The package's table, where it can count."""
    if not text:
        return torch.full((vocab_size,), 1 / vocab_size)
    order = min(len(context) + 1, len(text))
    model = NGram(order, vocab_size, strength=strength).fit(torch.tensor(text))
    if not context or order == 1:
        model = NGram(1, vocab_size, strength=strength).fit(torch.tensor(text))
        return model(torch.zeros(1, 1, dtype=torch.long))[0, -1].exp()
    return model(torch.tensor(context)[None])[0, -1].exp()


def by_recursion_down(text, context, vocab_size, strength):
    def level(part):
        after = Counter(
            text[i + len(part)]
            for i in range(len(text) - len(part))
            if text[i : i + len(part)] == part
        )
        below = level(part[1:]) if part else [1 / vocab_size] * vocab_size
        total = sum(after.values())
        return [(after[w] + strength * p) / (total + strength) for w, p in enumerate(below)]

    return torch.tensor(level(list(context)))


def by_counters_of_tuples(text, context, vocab_size, strength):
    probs = torch.ones(vocab_size, dtype=torch.float64) / vocab_size
    for size in range(len(context) + 1):
        grams = Counter(zip(*(text[i:] for i in range(size + 1)), strict=False))
        part = tuple(context[len(context) - size :])
        counts = torch.tensor([grams[(*part, w)] for w in range(vocab_size)], dtype=torch.float64)
        probs = (counts + strength * probs) / (counts.sum() + strength)
    return probs


def by_weights(text, context, vocab_size, strength):
    """Shares and prior mixed with a weight: the same formula, written as an average."""
    probs = torch.full((vocab_size,), 1.0 / vocab_size)
    for start in range(len(context), -1, -1):
        part = context[start:]
        after = [
            text[i + len(part)]
            for i in range(len(text) - len(part))
            if text[i : i + len(part)] == part
        ]
        if after:
            weight = len(after) / (len(after) + strength)
            shares = torch.bincount(torch.tensor(after), minlength=vocab_size) / len(after)
            probs = weight * shares + (1 - weight) * probs
    return probs


def by_shrinking_places(text, context, vocab_size, strength):
    """Places whose past still agrees, narrowed by one older token each time."""
    places = list(range(len(text)))
    probs = torch.full((vocab_size,), 1 / vocab_size)
    for back in range(len(context) + 1):
        if back:
            places = [i for i in places if i >= back and text[i - back] == context[-back]]
        counts = torch.zeros(vocab_size)
        for i in places:
            counts[text[i]] += 1
        probs = (counts + strength * probs) / (len(places) + strength)
    return probs


def by_tensor_windows(text, context, vocab_size, strength):
    line = torch.tensor(text, dtype=torch.long)
    probs = torch.full((vocab_size,), 1 / vocab_size)
    for size in range(len(context) + 1):
        counts = torch.zeros(vocab_size)
        if len(line) > size:
            windows = line.unfold(0, size + 1, 1)
            wanted = torch.tensor(context[len(context) - size :], dtype=torch.long)
            hits = windows[(windows[:, :size] == wanted).all(1), size]
            counts = torch.bincount(hits, minlength=vocab_size)
        probs = (counts + strength * probs) / (counts.sum() + strength)
    return probs


def as_text(text, context, vocab_size, strength):
    """Numbers joined to text without a border: 1 11 and 11 1 look alike."""
    probs = torch.full((vocab_size,), 1 / vocab_size)
    joined = "".join(map(str, text))
    for start in range(len(context), -1, -1):
        part = "".join(map(str, context[start:]))
        counts = torch.tensor([float(joined.count(f"{part}{w}")) for w in range(vocab_size)])
        probs = (counts + strength * probs) / (counts.sum() + strength)
    return probs


def without_overlap(text, context, vocab_size, strength):
    """After a hit it goes on behind it: misses places in a run of equal tokens."""
    probs = torch.full((vocab_size,), 1 / vocab_size)
    for start in range(len(context), -1, -1):
        part, counts, i = context[start:], torch.zeros(vocab_size), 0
        while i < len(text) - len(part):
            hit = text[i : i + len(part)] == part
            if hit:
                counts[text[i + len(part)]] += 1
            i += max(len(part), 1) if hit else 1
        probs = (counts + strength * probs) / (counts.sum() + strength)
    return probs


def strength_is_a_count(text, context, vocab_size, strength):
    return by_weights(text, context, vocab_size, round(strength))


def uniform_when_unseen(text, context, vocab_size, strength):
    """What was never seen falls back to uniform instead of to the shorter context."""
    probs = by_weights(text, context, vocab_size, strength)
    seen = any(text[i : i + len(context)] == context for i in range(len(text) - len(context)))
    return probs if seen else torch.full((vocab_size,), 1 / vocab_size)


BACK_OFF = both(
    "06.2",
    [
        by_the_ngram,
        by_recursion_down,
        by_counters_of_tuples,
        by_weights,
        by_shrinking_places,
        by_tensor_windows,
    ],
    {
        "text": as_text,
        "without overlap": without_overlap,
        "strength as a count": strength_is_a_count,
        "uniform when unseen": uniform_when_unseen,
        "trigram at most": lambda text, context, *rest: by_weights(text, context[-2:], *rest),
        "strength eight": lambda text, context, size, _: by_weights(text, context, size, 8.0),
        "vocabulary of the text": lambda text, context, size, k: by_weights(
            text, context, max([size - 1, *text]) if text else size, k
        ),
        "list": lambda *given: by_weights(*given).tolist(),
    },
)


# 06.5, bits per byte


BITS = both(
    "06.5",
    [
        lambda losses, text: losses.sum() / math.log(2) / len(text.encode("utf-8")),
        lambda losses, text: sum(losses.tolist()) / (math.log(2) * len(text.encode())),
        lambda losses, text: losses.mean() * len(losses) / (math.log(2) * len(bytes(text, "utf8"))),
        lambda losses, text: (losses / math.log(2)).sum() / len(text.encode()),
        lambda losses, text: losses.sum() * math.log2(math.e) / len(list(text.encode())),
        lambda losses, text: torch.log2(losses.exp()).sum() / len(text.encode()),
    ],
    {
        "utf-16": lambda losses, text: losses.sum() / math.log(2) / len(text.encode("utf-16-le")),
        "log10": lambda losses, text: losses.sum() / math.log10(2) / len(text.encode()),
        "not summed": lambda losses, text: losses / math.log(2) / len(text.encode()),
        "one byte a token": lambda losses, text: losses.sum() / math.log(2) / len(losses),
        "characters that are ascii": lambda losses, text: (
            losses.sum() / math.log(2) / len(text.encode("ascii", "ignore") or b"?")
        ),
    },
)


@pytest.mark.parametrize(
    ("exercise", "function", "expected"), TEMPERATURE + ENCODE + CROSS_ENTROPY + BACK_OFF + BITS
)
def test_verdict(exercise, function, expected):
    mark = grade(find(exercise), function)
    assert mark.verdict == expected, mark


def test_a_row_sum_without_keepdim_is_told_so():
    def probs_at(logits, temperature):
        if temperature == 0:
            return (logits == logits.max(-1, keepdim=True).values).float()
        weights = (logits / temperature).exp()
        return weights / weights.sum(-1)

    (detail,) = grade(find("06.1"), probs_at).details
    assert "keepdim" in detail
