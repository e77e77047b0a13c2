"""Exercise 11.1: dialogues of unequal length as one batch, with what the bot says in it."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Mistake, WrongAnswer

USER, BOT, STOP = 19, 20, 21
Dialogue = list[tuple[list[int], list[int]]]


def as_batch(dialogues: list[Dialogue], user: int, bot: int, stop: int) -> tuple[Tensor, Tensor]:
    """Filled up on the right with <stop>, which is not scored there."""
    return _build(dialogues, user, bot, stop)


def _build(
    dialogues: list[Dialogue],
    user: int,
    bot: int,
    stop: int,
    *,
    scores: tuple[bool, bool, bool, bool] = (False, False, True, True),
    filler: int | None = None,
    fills_scored: bool = False,
    last_only: bool = False,
    stops_once: bool = False,
    on_the_left: bool = False,
    longest: Callable[[list[int]], int] = max,
) -> tuple[Tensor, Tensor]:
    """The reference, with what can go wrong: scores are of prompt, <bot>, answer, <stop>."""
    rows, masks = list[list[int]](), list[list[bool]]()
    of_prompt, of_bot, of_answer, of_stop = scores
    for dialogue in dialogues:
        row, mask = list[int](), list[bool]()
        for place, (prompt, answer) in enumerate(dialogue):
            is_last = place == len(dialogue) - 1
            counts = is_last or not last_only
            ends = [stop] if is_last or not stops_once else []
            row += [user, *prompt, bot, *answer, *ends]
            mask += [of_prompt] * (1 + len(prompt)) + [of_bot]
            mask += [of_answer and counts] * len(answer) + [of_stop and counts] * len(ends)
        rows.append(row)
        masks.append(mask)
    length = longest([len(row) for row in rows])
    filler = stop if filler is None else filler

    def even(row: list[Any], fill: Any) -> list[Any]:
        more = [fill] * (length - len(row))
        return [*more, *row[:length]] if on_the_left else [*row[:length], *more]

    return (
        torch.tensor([even(row, filler) for row in rows]),
        torch.tensor([even(mask, fills_scored) for mask in masks]),
    )


def _with(**changes: Any) -> Callable[..., tuple[Tensor, Tensor]]:
    return lambda *arguments: _build(*arguments, **changes)


def _shifted(*arguments: Any) -> tuple[Tensor, Tensor]:
    tokens, mask = _build(*arguments)
    return tokens, torch.cat([mask[:, 1:], torch.zeros_like(mask[:, :1])], dim=1)


def both(function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
    """Tokens and mask, of one shape (B, T); a mask of ones and zeros is as good."""
    answer = function(*arguments)
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        raise WrongAnswer("it must return two tensors: return tokens, mask.")
    tokens, mask = answer
    if not (isinstance(tokens, Tensor) and isinstance(mask, Tensor)):
        raise WrongAnswer("it must return two tensors: use torch.tensor(...) on lists.")
    return {"tokens": tokens, "mask": mask.to(torch.int64)}


def batches() -> list[tuple[Any, ...]]:
    """One row; unequal ones; several exchanges; an empty answer or prompt; the longest first."""
    one: Dialogue = [([3, 4], [5, 6])]
    two: Dialogue = [([7], [8, 9, 10]), ([1, 2, 3], [4])]
    three: Dialogue = [([1], [2]), ([3, 3, 3, 3, 3], [4, 5]), ([6], [7, 8])]
    silent: Dialogue = [([5, 6], []), ([], [7, 0])]
    wordy: Dialogue = [([0], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])]
    several = ([one], [one, two], [three, one, two], [silent, wordy], [wordy, three, silent, one])
    others = [([two, one], 30, 15, 16), ([three, silent], 14, 31, 13)]  # other ids
    return [*((dialogues, USER, BOT, STOP) for dialogues in several), *others]


AS_BATCH = Exercise(
    id="11.1",
    title="dialogues as one batch, and what is scored in it",
    reference=as_batch,
    cases=batches,
    probe=both,
    mistakes=[
        Mistake(
            "stop not scored",
            _with(scores=(False, False, True, False)),
            "No <stop> is scored, so the model never learns to end. If the filler is <stop> too, "
            "mask == (tokens != stop) does just that: build the mask beside the row.",
        ),
        Mistake(
            "bot scored",
            _with(scores=(False, True, True, True)),
            "<bot> is scored. Our code places it, the model does not say it: False.",
        ),
        Mistake(
            "filler scored",
            _with(fills_scored=True),
            "What was filled in is scored: the model would learn to say <stop> after <stop>, and "
            "short rows would count as much as long ones.",
        ),
        Mistake(
            "all scored",
            _with(scores=(True, True, True, True)),
            "The prompts are scored as well. Only the answers and their <stop> are the bot's.",
        ),
        Mistake(
            "the last answer alone",
            _with(last_only=True),
            "Only the last answer of each dialogue is scored. The bot said the earlier ones too.",
        ),
        Mistake(
            "one stop a dialogue",
            _with(stops_once=True),
            "Every answer ends with <stop>, not only the last one of a dialogue.",
        ),
        Mistake(
            "filled on the left",
            _with(on_the_left=True),
            "You fill up on the left. In training that moves the text away from the first "
            "positions for nothing: put the filler behind it.",
        ),
        Mistake(
            "filled with zeros",
            _with(filler=0),
            "The filler is 0, which is a word. Fill up with <stop>.",
        ),
        Mistake(
            "cut to the shortest",
            _with(longest=min),
            "All rows have the length of the shortest: the others lost their ends.",
        ),
        Mistake(
            "shifted",
            _shifted,
            "Your mask stands one place too early. It belongs to the tokens themselves; the loss "
            "shifts both by one.",
        ),
    ],
)
