"""Exercise 10.3: greedy writing for a batch, until every row has stopped."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises import Exercise, Mistake, WrongAnswer


def write_greedily(
    read: Callable[[Tensor], Tensor],
    write: Callable[[Tensor, Tensor], Tensor],
    source: Tensor,
    start: int,
    stop: int,
    most: int,
) -> list[list[int]]:
    """The likeliest token again and again, for each source until its stop."""
    return _written(read, write, source, start, stop, most)


def _written(
    read: Callable[[Tensor], Tensor],
    write: Callable[[Tensor, Tensor], Tensor],
    source: Tensor,
    start: int,
    stop: int,
    most: int,
    *,
    place: int = -1,
    again: bool = False,
    patient: bool = False,
    hasty: bool = False,
    keep_start: bool = False,
    keep_stop: bool = False,
    cut: bool = True,
    newest_only: bool = False,
    least: bool = False,
) -> list[list[int]]:
    """Greedy writing with one of its usual slips, or none."""
    states = read(source)
    target = torch.full((len(source), 1), start)
    for _ in range(most):
        states = read(source) if again and target.shape[1] > 1 else states
        logits = write(target[:, -1:] if newest_only else target, states)[:, place]
        new = logits.argmin(-1) if least else logits.argmax(-1)
        target = torch.cat([target, new[:, None]], 1)
        ended = (target[:, 1:] == stop).any(1)
        if not patient and bool(ended.any() if hasty else ended.all()):
            break
    rows = target.tolist() if keep_start else target[:, 1:].tolist()
    return [_until(row, stop, keep_stop) if cut else row for row in rows]


def _until(row: list[int], stop: int, keep: bool) -> list[int]:
    """The row before its first stop."""
    return row[: row.index(stop) + keep] if stop in row else row


def _slip(**slip: Any) -> Callable[..., list[list[int]]]:
    """Greedy writing with this slip."""
    return lambda *arguments: _written(*arguments, **slip)


def machine(source: Tensor, vocab_size: int, start: int, stop: int, most: int, seed: int) -> Any:
    """A stand-in for a network: what comes next hangs on the states, the last token and the place.

    It writes each source backwards, one higher, with a stop behind; after that it babbles. Answers
    with the arguments of a case; the function read counts the calls of both in `read.calls`.
    """
    calls = {"reads": 0, "writes": 0}
    noise = torch.rand(64, vocab_size, generator=torch.Generator().manual_seed(seed))

    def read(given: Tensor) -> Tensor:
        calls["reads"] += 1
        return F.one_hot(given, vocab_size).float()

    def write(target: Tensor, states: Tensor) -> Tensor:
        calls["writes"] += 1
        if target.shape[0] != states.shape[0]:
            raise ValueError(f"{len(target)} targets and {len(states)} sources")
        tokens = states.argmax(-1)  # (B, S); 0 is padding
        logits = noise[: target.shape[1]].repeat(len(target), 1, 1)
        begun = target[:, :1] == start
        for row, text in enumerate(tokens.tolist()):
            words = [token + 1 for token in text if token][::-1]
            for place in range(target.shape[1]):
                says = [*words, stop, 3, 3, stop][min(place, len(words) + 3)]
                logits[row, place, says if begun[row] else 3] += 5
                if place and place <= len(words) and target[row, place] != words[place - 1]:
                    logits[row, place] = noise[place]  # it has lost its place
        return logits

    read.calls = calls  # type: ignore[attr-defined]
    return read, write, source, start, stop, most


def probe(answer: Callable[..., Any], *arguments: Any) -> Any:
    """What it wrote, and how often it asked."""
    found = answer(*arguments)
    if isinstance(found, Tensor):
        raise WrongAnswer("it returned a tensor. Rows are unequal: return a list of lists.")
    if found is None:
        raise WrongAnswer("it returned nothing: did you forget return?")
    return {"written": [[int(token) for token in row] for row in found], **arguments[0].calls}


def greedy_cases() -> list[tuple[Any, ...]]:
    """Sources of unequal length, one alone, an early stop, and one that is cut off by the limit."""
    return [
        machine(torch.tensor([[5, 6, 7, 8], [9, 4, 0, 0], [4, 0, 0, 0]]), 12, 1, 2, 20, 0),
        machine(torch.tensor([[4, 5, 4]]), 9, 2, 1, 9, 1),
        machine(torch.tensor([[6, 5, 5, 4, 4], [5, 0, 0, 0, 0]]), 8, 1, 2, 3, 2),
        machine(torch.tensor([[5, 4], [6, 6], [5, 0], [4, 4]]), 11, 10, 9, 6, 3),
        machine(torch.tensor([[4], [5]]), 8, 1, 2, 1, 4),
    ]


GREEDY = Exercise(
    id="10.3",
    title="greedy writing with one reading of the source",
    reference=write_greedily,
    cases=greedy_cases,
    probe=probe,
    mistakes=[
        Mistake(
            "reads again and again",
            _slip(again=True),
            "The text is right, but the source is read again for every token. Call read once, "
            "before the loop.",
        ),
        Mistake(
            "row by row",
            lambda read, write, source, *rest: [
                write_greedily(read, write, row[None], *rest)[0] for row in source
            ],
            "The text is right, but each row is read and written alone. Let all rows grow "
            "together: one call of write for the whole batch.",
        ),
        Mistake(
            "never stops early",
            _slip(patient=True),
            "The text is right, but write is called when every row has stopped already. End the "
            "loop then.",
        ),
        Mistake(
            "ends with the first stop of any row",
            _slip(hasty=True),
            "The loop ends when the first row stops. Go on until all rows have.",
        ),
        Mistake(
            "takes the first place",
            _slip(place=0),
            "You read the logits at the first place, which say what follows the start token. The "
            "next token stands in the last: logits[:, -1].",
        ),
        Mistake(
            "shows the newest token only",
            _slip(newest_only=True),
            "write is shown the newest token alone. It keeps nothing: show it all that is written.",
        ),
        Mistake(
            "keeps the start token",
            _slip(keep_start=True),
            "The start token is no part of what was written. Leave it out.",
        ),
        Mistake(
            "keeps the stop token",
            _slip(keep_stop=True),
            "The stop token is not to be returned. Cut each row before it.",
        ),
        Mistake(
            "does not cut",
            _slip(cut=False),
            "What a row babbles behind its stop is returned too. Cut each row before its first "
            "stop.",
        ),
        Mistake(
            "the least likely token",
            _slip(least=True),
            "This is the least likely token of all. Greedy takes the likeliest: argmax.",
        ),
    ],
)
