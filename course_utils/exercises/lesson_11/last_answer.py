"""Exercise 11.1: what the bot said last."""

from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Mistake

BOT, STOP = 20, 21


def last_answer(tokens: Tensor, bot: int, stop: int) -> Tensor:
    """The tokens after the last <bot>, up to the first <stop> behind it."""
    return _cut(tokens, _places(tokens, bot)[-1] + 1, stop)


def _places(tokens: Tensor, mark: int) -> list[int]:
    return (tokens == mark).nonzero()[:, 0].tolist()


def _cut(tokens: Tensor, start: int, stop: int) -> Tensor:
    """From a place up to the first stop behind it, or to the end."""
    ends = [place for place in _places(tokens, stop) if place >= start]
    return tokens[start : ends[0] if ends else len(tokens)]


def _to_first_stop(tokens: Tensor, bot: int, stop: int) -> Tensor:
    ends = _places(tokens, stop)
    return tokens[_places(tokens, bot)[-1] + 1 : ends[0] if ends else len(tokens)]


def _to_last_stop(tokens: Tensor, bot: int, stop: int) -> Tensor:
    start, ends = _places(tokens, bot)[-1] + 1, _places(tokens, stop)
    return tokens[start : ends[-1] if ends and ends[-1] >= start else len(tokens)]


def _with_stop(tokens: Tensor, bot: int, stop: int) -> Tensor:
    said = last_answer(tokens, bot, stop)
    start = _places(tokens, bot)[-1] + 1
    return tokens[start : start + len(said) + 1]


def _loses_the_end(tokens: Tensor, bot: int, stop: int) -> Tensor:
    rest = tokens[_places(tokens, bot)[-1] + 1 :]
    return rest[: _places(rest, stop)[0] if _places(rest, stop) else -1]


def _all_answers(tokens: Tensor, bot: int, stop: int) -> Tensor:
    return torch.cat([_cut(tokens, start + 1, stop) for start in _places(tokens, bot)])


def conversations() -> list[tuple[Any, ...]]:
    """One answer and several, filled up with stops, without a stop, empty, cut at once."""
    rows = [
        [19, 3, 4, 20, 5, 6, 21],
        [19, 3, 20, 5, 21, 19, 7, 8, 20, 9, 1, 2, 21, 21, 21],
        [19, 3, 20, 5, 21, 19, 7, 20, 9, 1],
        [19, 3, 4, 1, 20, 21],
        [19, 3, 20],
        [19, 20, 5, 2, 2, 9, 4, 2, 7, 21, 19, 20],
        [19, 20, 5, 2, 2, 9, 4, 2, 7],
        [20, 1, 21, 19, 4, 20, 6, 21, 19, 5, 20, 0, 21, 8, 8, 8],
    ]
    return [(torch.tensor(row), BOT, STOP) for row in rows]


LAST_ANSWER = Exercise(
    id="11.1",
    title="what the bot said last",
    reference=last_answer,
    cases=conversations,
    mistakes=[
        Mistake(
            "the first answer",
            lambda tokens, bot, stop: _cut(tokens, _places(tokens, bot)[0] + 1, stop),
            "This is the first answer. A conversation may hold several <bot>: the last one counts.",
        ),
        Mistake(
            "up to the first stop of all",
            _to_first_stop,
            "Your answer ends at the first <stop> of the whole conversation, which belongs to an "
            "earlier answer. Look for the first one behind the last <bot>.",
        ),
        Mistake(
            "up to the last stop",
            _to_last_stop,
            "Your answer ends at the last <stop>. A row that ended early is filled up with more of "
            "them, or with other tokens: the first one behind <bot> ends the answer.",
        ),
        Mistake(
            "with the stop",
            _with_stop,
            "The <stop> is still there. It ends the answer and is no part of it.",
        ),
        Mistake(
            "with the bot",
            lambda tokens, bot, stop: _cut(tokens, _places(tokens, bot)[-1], stop),
            "The <bot> is still there: the answer begins one place behind it.",
        ),
        Mistake(
            "loses the last token",
            _loses_the_end,
            "Where no <stop> came, your answer lacks its last token: a slice up to -1 leaves it "
            "out. Then the answer goes on to the end.",
        ),
        Mistake(
            "all answers",
            _all_answers,
            "These are all answers, one after the other. Only the last is asked for.",
        ),
    ],
)
