"""Ask a model that has learned turns: a batch of prompts in, a batch of answers out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from course_utils.language.sampling import sample
from course_utils.language.turns import Exchange, encode_prompt, pad_left, special_tokens
from course_utils.language.vocabulary import Tokenizer
from course_utils.layers import check_sizes
from course_utils.records import last


@dataclass(frozen=True)
class Reply:
    """What a model answered.

    Attributes:
        text: without special tokens, up to the first <stop>.
        stopped: whether a <stop> came; otherwise the text was cut at `max_new_tokens`.
    """

    text: str
    stopped: bool


def replies(
    model: nn.Module,
    tokenizer: Tokenizer,
    prompts: Sequence[str],
    *,
    before: Sequence[Exchange] = (),
    max_new_tokens: int = 64,
    temperature: float = 0.0,
    batch_size: int = 256,
    generator: torch.Generator | None = None,
) -> list[Reply]:
    """Answer each prompt, all after the same conversation.

    Of a conversation longer than the context the model sees the last tokens, as in `sample`.

    Args:
        model: tokens (B, T) -> logits (B, T, V), trained on turns.
        tokenizer: with the special tokens of turns.
        prompts: what the user says, each answered for itself.
        before: the conversation so far, pairs (prompt, answer).
        max_new_tokens: where an answer without <stop> is cut, at least 1.
        temperature: 0 takes the likeliest token.
        batch_size: prompts in one call, at least 1; those of like length go together.
        generator: source of the choices.

    Returns:
        One `Reply` a prompt.

    Raises:
        ValueError: prompts is one text, a text cannot be encoded, a special token is missing, or a
            number is out of its range.
    """
    check_sizes(batch_size=batch_size)
    if isinstance(prompts, str):
        raise ValueError(f"prompts must be several texts; got one. Use [{prompts!r}].")
    stop = special_tokens(tokenizer)[2]
    device = next(model.parameters()).device
    asked = [encode_prompt(tokenizer, prompt, before) for prompt in prompts]
    order = sorted(range(len(asked)), key=lambda i: len(asked[i]))
    found: dict[int, Reply] = {}
    for start in range(0, len(order), batch_size):
        places = order[start : start + batch_size]
        tokens, mask = pad_left([asked[place] for place in places])
        steps = sample(
            model,
            tokens.to(device),
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            stop=stop,
            mask=mask.to(device),
            generator=generator,
        )
        for place, row in zip(
            places, last(steps).state[:, tokens.shape[1] :].tolist(), strict=True
        ):
            end = row.index(stop) if stop in row else len(row)
            found[place] = Reply(tokenizer.decode(row[:end]), stop in row)
    return [found[place] for place in range(len(asked))]
