"""Free wordings to captions and back to text: what a language model does beside a painter.

Letters: N requests, T tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from course_utils.data.scenes import Related, Scene, read_caption
from course_utils.language import WordTokenizer, pad_left, sample
from course_utils.records import last

DRAW, REFUSE, STOP = "<draw>", "<refuse>", "<stop>"
SPECIAL = (DRAW, REFUSE, STOP)
LONGEST = 9  # tokens of an answer: a caption of eight words, and the stop


def parsing_batch(
    tokenizer: WordTokenizer, requests: Sequence[str], captions: Sequence[str | None]
) -> tuple[Tensor, Tensor]:
    """Requests with their answers, for `language.answer_loss`.

    A text is the request, <draw>, the caption or <refuse>, <stop>. It is filled up with <stop>.

    Args:
        tokenizer: knows the words of all captions, "<unk>", and `SPECIAL`.
        requests: N sentences.
        captions: N captions; None is a request to be refused.

    Returns:
        tokens (N, T), and (N, T) True where a token belongs to the answer.

    Raises:
        ValueError: there is not one caption, or None, for each request, no request at all, one is
            empty, or a caption is none of the language.
    """
    if isinstance(requests, str) or len(requests) != len(captions) or not requests:
        came = "one text" if isinstance(requests, str) else f"{len(requests)}"
        raise ValueError(
            f"each request needs its one caption, or None to refuse it; got {came} and "
            f"{len(captions)}."
        )
    check_requests(requests)
    for caption in captions:
        if caption is not None:
            read_caption(caption)
    draw, refuse, stop = (tokenizer.special[name] for name in SPECIAL)
    rows, starts = [], []
    for request, caption in zip(requests, captions, strict=True):
        words = [*tokenizer.encode(request).tolist(), draw]
        answer = [refuse] if caption is None else tokenizer.encode(caption).tolist()
        starts.append((len(words), len(words) + len(answer) + 1))
        rows.append([*words, *answer, stop])
    longest = max(map(len, rows))
    tokens = torch.tensor([row + [stop] * (longest - len(row)) for row in rows])
    place = torch.arange(longest)
    first, end = torch.tensor(starts).T[..., None]
    return tokens, (place >= first) & (place < end)


def check_requests(requests: Sequence[str]) -> None:
    """Raise ValueError unless these are texts, at least one, none of them empty."""
    if (
        isinstance(requests, str)
        or not requests
        or not all(isinstance(text, str) and text.strip() for text in requests)
    ):
        raise ValueError(f"expected a list of requests, none of them empty; got {requests!r}.")


@torch.no_grad()
def parse(model: nn.Module, tokenizer: WordTokenizer, requests: Sequence[str]) -> list[str | None]:
    """The caption that the model makes of each request, by greedy choice, or None if it refuses.

    What it writes is checked: a text that is no caption counts as refused, so whatever comes out
    can be drawn.

    Args:
        model: trained on `parsing_batch`.
        tokenizer: the one that it was trained with.
        requests: N sentences, whose capitals do not matter; of an unknown word only its place is
            read.

    Raises:
        ValueError: there is no request, one is empty or no text or too long for the model, or it is
            one text instead of a list.
    """
    check_requests(requests)
    draw, refuse, stop = (tokenizer.special[name] for name in SPECIAL)
    device = next(model.parameters()).device
    ask = torch.tensor([draw])
    tokens, mask = pad_left([torch.cat([tokenizer.encode(t.lower()), ask]) for t in requests])
    room = int(getattr(model, "context_length", tokens.shape[1] + LONGEST)) - LONGEST
    if tokens.shape[1] > room:
        raise ValueError(
            f"a request has {tokens.shape[1] - 1} words and marks; the model has room for "
            f"{room - 1} before its answer. Say it shorter."
        )
    steps = sample(
        model,
        tokens.to(device),
        mask=mask.to(device),
        max_new_tokens=LONGEST,
        temperature=0,
        stop=[stop],
    )
    answers = []
    for row in last(steps).state[:, tokens.shape[1] :].tolist():
        row = row[: row.index(stop)] if stop in row else row
        answers.append(None if refuse in row else _checked(tokenizer.decode(row)))
    return answers


def same_picture(caption: str | None, scene: Scene) -> bool:
    """Whether a caption asks for the picture of this scene: "left of" turned round is "right of".

    None, or a text that is no caption, asks for no picture.
    """
    if caption is None or _checked(caption) is None:
        return False
    said = read_caption(caption)
    return said == scene or (isinstance(said, Related) and said.turned == scene)


def _checked(text: str) -> str | None:
    try:
        return read_caption(text).caption
    except ValueError:
        return None
