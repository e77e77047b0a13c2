"""Exercise 07.3: the induction machine without training."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Mistake


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
    return scores.masked_fill(later, -math.inf).softmax(dim=-1) @ values


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


BY_HAND = Exercise(
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
)
