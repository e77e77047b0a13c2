"""Exercises of lesson 07: attention."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Mistake


def safe_softmax(scores: Tensor) -> Tensor:
    """The softmax over the last axis, without torch's."""
    return _shares(scores, scores.amax(dim=-1, keepdim=True))


def _shares(scores: Tensor, top: Any, axis: int = -1) -> Tensor:
    """exp(scores - top) divided by its sum over an axis."""
    shares = (scores - top).exp()
    return shares / shares.sum(dim=axis, keepdim=True)


def scores_cases() -> list[tuple[Any, ...]]:
    """Mild and huge scores, rows of unlike size, equal, zero and hidden ones, one to three axes."""
    unlike = torch.stack([torch.randn(6) + shift for shift in (-1e4, 0.0, 1e4, 300.0)])
    hidden = torch.randn(2, 3, 5).masked_fill(torch.rand(2, 3, 5) < 0.4, -math.inf)
    hidden[..., 0] = torch.tensor([-2e3, 0.0, 2e3])
    return [
        (torch.randn(4, 4),),
        (torch.tensor([1000.0, 999.0, -1000.0]),),
        (torch.tensor([[0.0, 120.0, 60.0]]),),  # too far apart for exp, near enough to their mean
        (unlike,),
        (torch.tensor([[-1e4, 1e4], [0.0, 0.0], [-1e4, -1e4]]),),
        (hidden,),
    ]


def window_weights(scores: Tensor, window: int) -> Tensor:
    """Weights that see a position and the few before it; the rows are the last positions."""
    return _masked(scores, _outside(scores, window))


def _outside(scores: Tensor, window: int, *, first: int | None = None) -> Tensor:
    """(S, T) True where a row may not look; row 0 is position `first`, by default T - S."""
    num_rows, num_columns = scores.shape
    start = num_columns - num_rows if first is None else first
    row = torch.arange(start, start + num_rows)[:, None]
    column = torch.arange(num_columns)
    return (column > row) | (column <= row - window)


def _masked(scores: Tensor, hidden: Tensor, value: float = -math.inf, axis: int = -1) -> Tensor:
    """The softmax of scores with a value written where a mask is True."""
    return scores.masked_fill(hidden, value).softmax(dim=axis)


def _times_infinity(scores: Tensor, hidden: Tensor) -> Tensor:
    """0 * -inf is NaN, also where nothing was to be hidden."""
    return (scores + hidden.float() * -math.inf).softmax(dim=-1)


def _zeros_hidden(scores: Tensor, hidden: Tensor) -> Tensor:
    """Scores times a mask of ones and zeros, and every zero hidden: a score of 0 goes too."""
    kept = scores * ~hidden
    return kept.masked_fill(kept == 0, -math.inf).softmax(dim=-1)


def window_cases() -> list[tuple[Any, ...]]:
    """Square and wide; scores that are zero, all negative, and far above any finite penalty."""
    with_zeros = torch.randn(6, 6).round()  # about four in ten are exactly zero
    with_zeros.fill_diagonal_(0)
    huge = torch.randn(5, 8) + 1e4 * torch.arange(8)  # later keys score far more
    return [
        (torch.randn(5, 5), 2),
        (with_zeros, 3),
        (torch.randn(3, 7) - 1e4, 4),
        (huge, 2),
        (1e4 * torch.randn(4, 4), 4),
        (torch.randn(1, 6), 3),
        (torch.randn(4, 6), 1),
        (torch.randn(3, 3), 10),
    ]


def predict_by_hand(tokens: Tensor, num_letters: int) -> Tensor:
    """The induction machine: notes of the letter before, a question, a copy."""
    letters = torch.eye(num_letters)[tokens]  # (T, V)
    return _look(letters, _moved_on(letters), letters)


def _moved_on(letters: Tensor) -> Tensor:
    """Each row one place further on, zero in the first."""
    return torch.cat([torch.zeros_like(letters[:1]), letters[:-1]])


def _look(
    queries: Tensor, keys: Tensor, values: Tensor, *, sharp: float = 50, ahead: int = 1
) -> Tensor:
    """Attention with a fixed sharpness; what lies `ahead` or more places later is hidden."""
    scores = sharp * queries @ keys.T
    later = torch.ones_like(scores, dtype=torch.bool).triu(ahead)
    return _masked(scores, later) @ values


def _with_letters(answer: Callable[[Tensor], Any]) -> Callable[[Tensor, int], Any]:
    """A wrong answer that starts from the letters as vectors (T, V)."""
    return lambda tokens, num_letters: answer(torch.eye(num_letters)[tokens])


def _last_copy(letters: Tensor) -> Tensor:
    """Only the latest fitting note counts, as with argmax over places."""
    fits = (letters @ _moved_on(letters).T).tril()
    place = fits.shape[1] - 1 - fits.flip(1).argmax(dim=1)
    return torch.where(
        fits.any(1, keepdim=True), letters[place], _look(letters * 0, letters, letters)
    )


def _no_note_nothing(letters: Tensor) -> Tensor:
    """Fitting notes divided by their number: rows without one are 0 instead of an average."""
    fits = (letters @ _moved_on(letters).T).tril()
    return (fits / fits.sum(1, keepdim=True).clamp(min=1)) @ letters


def letters_cases() -> list[tuple[Any, ...]]:
    """No copy, many copies with unlike followers, doubled letters, a large alphabet, one letter."""
    return [
        (torch.tensor([0, 1, 2, 0, 1, 3]), 4),
        (torch.tensor([2, 2, 2, 1, 2, 0, 2]), 3),
        (torch.randperm(12), 12),
        (torch.randint(6, (40,)), 6),
        (torch.randint(30, (9,)).repeat(3), 31),
        (torch.tensor([5]), 7),
    ]


def read_once(query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Attention of one query with running sums."""
    return _running(query, keys, values)


def _running(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    *,
    divide: bool = True,
    shrink_total: bool = True,
    shrink_mixed: bool = True,
    normalise: bool = True,
    start: float = -math.inf,
) -> Tensor:
    """The loop of `read_once`, with each of its steps as something that can be forgotten."""
    top, total, mixed = start, 0.0, torch.zeros_like(values[0])
    for key, value in zip(keys, values, strict=True):
        score = float(query @ key) / (math.sqrt(len(query)) if divide else 1)
        old, top = top, max(top, score)
        shrink, share = math.exp(old - top), math.exp(score - top)
        total = (shrink if shrink_total else 1) * total + share
        mixed = (shrink if shrink_mixed else 1) * mixed + share * value
    return mixed / total if normalise else mixed


def _naive(query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Running sums of exp(score) itself."""
    shares = (keys @ query / math.sqrt(len(query))).exp()
    return shares @ values / shares.sum()


def read_cases() -> list[tuple[Any, ...]]:
    """Scores that rise, fall, are huge or very negative; one key; widths that differ."""
    query, ramp = torch.randn(3), torch.linspace(0.2, 2, 9)[:, None]
    along = query / query.square().sum()
    return [
        (torch.randn(4), torch.randn(6, 4), torch.randn(6, 2)),
        (query, 8 * ramp * along, torch.randn(9, 5)),
        (query, 8 * ramp.flip(0) * along, torch.randn(9, 5)),
        (torch.full((2,), 100.0), 60 * torch.randn(7, 2), torch.randn(7, 3)),
        (torch.full((2,), 100.0), -40 - torch.rand(5, 2), torch.randn(5, 1)),
        (torch.randn(5), torch.randn(1, 5), torch.randn(1, 4)),
        (torch.zeros(3), torch.randn(8, 3), torch.randn(8, 3)),
    ]


EXERCISES = [
    Exercise(
        id="07.1",
        title="a softmax for scores of any size",
        reference=safe_softmax,
        cases=scores_cases,
        tolerance=2e-3,  # scores of 10,000 have three digits after the point: log-sum-exp rounds
        mistakes=[
            Mistake(
                "exp of the scores as they are",
                lambda s: _shares(s, 0.0),
                "exp(1000) is inf, inf / inf is nan, and exp(-1000) is 0 in every place. Take the "
                "largest score of each row from that row first.",
            ),
            Mistake(
                "the largest of all rows",
                lambda s: _shares(s, s.max()),
                "You take the largest score of all rows from every row. In a row of much smaller "
                "ones all exponentials are then 0, and 0 / 0 is nan. Each row needs its own: "
                "amax(dim=-1, keepdim=True).",
            ),
            Mistake(
                "the smallest",
                lambda s: _shares(s, s.amin(dim=-1, keepdim=True)),
                "You take away the smallest score, so the exponents are above 0 and overflow. Take "
                "away the largest.",
            ),
            Mistake(
                "the mean",
                lambda s: _shares(s, s.mean(dim=-1, keepdim=True)),
                "You take away the mean, and a score of 1000 above it still overflows. Take away "
                "the largest.",
            ),
            Mistake(
                "clamped",
                lambda s: _shares(s.clamp(-80, 80), 0.0),
                "Clamping keeps exp finite but changes the weights: 1000 and 999 become equal. "
                "Taking the same number from all scores of a row changes nothing.",
            ),
            Mistake(
                "max gives two things",
                lambda s: _shares(s, s.max(dim=-1, keepdim=True)),
                "max with dim returns the values and their places. Take .values, or use amax.",
            ),
            Mistake(
                "max without keepdim",
                lambda s: _shares(s, s.amax(dim=-1)),
                "amax without keepdim=True drops the axis, so row i does not meet its own largest "
                "score, or the shapes do not fit at all. Write keepdim=True.",
            ),
            Mistake(
                "sum without keepdim",
                lambda s: (
                    (s - s.amax(-1, keepdim=True)).exp()
                    / (s - s.amax(-1, keepdim=True)).exp().sum(-1)
                ),
                "sum without keepdim=True drops the axis, so row i is not divided by its own sum, "
                "or the shapes do not fit at all. Write keepdim=True.",
            ),
            Mistake(
                "over the wrong axis",
                lambda s: _shares(s, s.amax(dim=0, keepdim=True), axis=0),
                "The first axis sums to one. The softmax goes over the last: dim=-1 both for the "
                "largest and for the sum.",
            ),
            Mistake(
                "one sum for all rows",
                lambda s: safe_softmax(s) / s.numel() * s.shape[-1],
                "All rows together sum to one. Each row must: sum over dim=-1.",
            ),
            Mistake(
                "not divided",
                lambda s: (s - s.amax(dim=-1, keepdim=True)).exp(),
                "The exponentials are right. Divide each row by its sum.",
            ),
            Mistake(
                "no exp",
                lambda s: (
                    (s - s.amax(-1, keepdim=True))
                    / (s - s.amax(-1, keepdim=True)).sum(-1, keepdim=True)
                ),
                "There is no exponential: the scores themselves are divided by their sum.",
            ),
        ],
    ),
    Exercise(
        id="07.2",
        title="a window that never looks ahead",
        reference=window_weights,
        cases=window_cases,
        mistakes=[
            Mistake(
                "one too many",
                lambda s, w: window_weights(s, w + 1),
                "Each row sees one position too many: itself and window - 1 before it. Hide "
                "column <= row - window.",
            ),
            Mistake(
                "sees what comes after",
                lambda s, w: _masked(s, _outside(s, w).tril(s.shape[1] - s.shape[0])),
                "A row sees the positions after it too. Hide column > row as well.",
            ),
            Mistake(
                "no window",
                lambda s, w: _masked(s, _outside(s, s.shape[1] + 1)),
                "Nothing later is seen, but everything earlier is. Hide column <= row - window.",
            ),
            Mistake(
                "no mask",
                lambda s, w: s.softmax(dim=-1),
                "Nothing is hidden: every row sees the whole text.",
            ),
            Mistake(
                "rows are the first positions",
                lambda s, w: _masked(s, _outside(s, w, first=0)),
                "With fewer rows than columns you take the rows for the first positions. They are "
                "the last: row i is position T - S + i.",
            ),
            Mistake(
                "hides itself",
                lambda s, w: _masked(s, _outside(s, w) | ~_outside(s, 1)),
                "A position may look at itself. With window 1 it sees nothing else.",
            ),
            Mistake(
                "minus 100 added",
                lambda s, w: (s - 100.0 * _outside(s, w)).softmax(dim=-1),
                "Taking 100 away hides nothing from a score of 1000, and leaves a little of every "
                "other. Write -inf there.",
            ),
            Mistake(
                "a large negative number",
                lambda s, w: _masked(s, _outside(s, w), -1000.0),
                "A large negative number is not the smallest: among scores of -10,000 it wins. "
                "Write -inf.",
            ),
            Mistake(
                "zero instead of minus infinity",
                lambda s, w: _masked(s, _outside(s, w), 0.0),
                "A score of 0 is not nothing: the softmax turns it into exp(0) = 1 before it "
                "normalises. Write -inf.",
            ),
            Mistake(
                "a mask found by comparing with zero",
                lambda s, w: _zeros_hidden(s, _outside(s, w)),
                "You hide whatever is 0, and a score that may be seen can be 0 too. Make the mask "
                "from the places, not from the scores.",
            ),
            Mistake(
                "minus infinity times zero",
                lambda s, w: _times_infinity(s, _outside(s, w)),
                "0 * -inf is nan, so what should stay is nan too. Use masked_fill or torch.where.",
            ),
            Mistake(
                "masks after the softmax",
                lambda s, w: s.softmax(dim=-1).masked_fill(_outside(s, w), 0.0),
                "The mask comes after the softmax, so the rows no longer sum to one. Mask the "
                "scores first.",
            ),
            Mistake(
                "softmax over the wrong axis",
                lambda s, w: _masked(s, _outside(s, w), axis=0),
                "The mask is right, but the columns sum to one. Each row shares out its "
                "attention: softmax(dim=-1).",
            ),
            Mistake(
                "no softmax",
                lambda s, w: s.masked_fill(_outside(s, w), -math.inf),
                "The mask is right, but these are scores. Take the softmax of each row.",
            ),
        ],
    ),
    Exercise(
        id="07.3",
        title="the next letter, by notes and copies that nobody trained",
        reference=predict_by_hand,
        cases=letters_cases,
        mistakes=[
            Mistake(
                "finds the copy, not what follows",
                _with_letters(lambda x: _look(x, x, x)),
                "Each letter finds its own copies and predicts itself. It must compare with the "
                "notes, which say what stands one place before.",
            ),
            Mistake(
                "notes of the next letter",
                _with_letters(lambda x: _look(x, x.roll(-1, 0), x)),
                "Your notes say which letter comes next; that is the answer. A note names the "
                "letter before: move the vectors one place on, not back.",
            ),
            Mistake(
                "the last letter before the first",
                _with_letters(lambda x: _look(x, x.roll(1, 0), x)),
                "torch.roll goes round: your first position has the note of the last letter. Its "
                "note is zero.",
            ),
            Mistake(
                "looks ahead",
                _with_letters(lambda x: _look(x, _moved_on(x), x, ahead=len(x))),
                "Nothing is hidden: row i sees what comes after it. Add the causal mask.",
            ),
            Mistake(
                "hides itself",
                _with_letters(lambda x: _look(x, _moved_on(x), x, ahead=0)),
                "The diagonal is hidden too, so the first row has nothing to look at and is nan. A "
                "position may look at itself.",
            ),
            Mistake(
                "scores of one",
                _with_letters(lambda x: _look(x, _moved_on(x), x, sharp=1)),
                "Your scores are 1 where a note fits, and the softmax of 1 and 0 hardly chooses. "
                "Multiply by 50.",
            ),
            Mistake(
                "queries and keys swapped",
                _with_letters(lambda x: _look(_moved_on(x), x, x)),
                "Queries and keys are swapped: the letter asks and the note answers, "
                "letters @ notes.T.",
            ),
            Mistake(
                "copies the note",
                _with_letters(lambda x: _look(x, _moved_on(x), _moved_on(x))),
                "You copy the note, which is the letter that asked. The value of a position is its "
                "own letter.",
            ),
            Mistake(
                "only the latest copy",
                _with_letters(_last_copy),
                "Only one fitting note counts. All that fit get the same score, so the softmax "
                "shares the weight among them.",
            ),
            Mistake(
                "nothing where no note fits",
                _with_letters(_no_note_nothing),
                "Where no note fits your row is 0. With a softmax all scores are then equal, and "
                "the row is the average of all letters so far.",
            ),
        ],
    ),
    Exercise(
        id="07.4",
        title="attention that reads each key once",
        reference=read_once,
        cases=read_cases,
        mistakes=[
            Mistake(
                "exp of the scores as they are",
                _naive,
                "Some exponentials are inf or all are 0, so the result is nan. Take the largest "
                "score so far from each exponent.",
            ),
            Mistake(
                "old terms not shrunk",
                lambda q, k, v: _running(q, k, v, shrink_total=False, shrink_mixed=False),
                "When a new largest score comes, the old sums were made with the old one. Multiply "
                "both by exp(old largest - new largest).",
            ),
            Mistake(
                "only the sum of values shrunk",
                lambda q, k, v: _running(q, k, v, shrink_total=False),
                "The sum of the values is shrunk when a new largest score comes. The sum of the "
                "weights must shrink by the same factor.",
            ),
            Mistake(
                "only the sum of weights shrunk",
                lambda q, k, v: _running(q, k, v, shrink_mixed=False),
                "The sum of the weights is shrunk when a new largest score comes. The sum of the "
                "values must shrink by the same factor.",
            ),
            Mistake(
                "not divided by the root of K",
                lambda q, k, v: _running(q, k, v, divide=False),
                "The scores are not divided. Divide by the square root of the width K, len(query).",
            ),
            Mistake(
                "divided by the root of T",
                lambda q, k, v: _running(q * math.sqrt(len(q) / len(k)), k, v),
                "The scores are divided by the root of the number of keys. The width counts: "
                "len(query).",
            ),
            Mistake(
                "not normalised",
                lambda q, k, v: _running(q, k, v, normalise=False),
                "This is the sum of the values times their terms. Divide by the sum of the terms.",
            ),
            Mistake(
                "largest starts at zero",
                lambda q, k, v: _running(q, k, v, start=0.0),
                "The largest score so far starts at 0. If all scores are far below 0, every term "
                "is exp of a very negative number, which is 0. Start at -math.inf.",
            ),
            Mistake(
                "the mean of the values",
                lambda q, k, v: v.mean(dim=0),
                "All keys count alike: this is the mean of the values.",
            ),
        ],
    ),
]
