"""Conversations as tokens: who speaks is said by special tokens, which no text can forge.

Letters: B batch, T tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from course_utils.language.vocabulary import Tokenizer

USER, BOT, STOP = "<user>", "<bot>", "<stop>"
Exchange = tuple[str, str]  # what the user says, what is answered


def encode_turns(tokenizer: Tokenizer, exchanges: Sequence[Exchange]) -> tuple[Tensor, Tensor]:
    """A conversation in the format `<user> prompt <bot> answer <stop> <user> ...`.

    Args:
        tokenizer: with the special tokens <user>, <bot> and <stop>.
        exchanges: pairs (prompt, answer), at least one.

    Returns:
        tokens: (T,) int64.
        answered: (T,) True for the tokens that the bot says: its answers, each with its <stop>.

    Raises:
        ValueError: there is no exchange, a special token is missing, or a text cannot be encoded.
    """
    if not exchanges:
        raise ValueError("a conversation needs at least one exchange (prompt, answer).")
    user, bot, stop = special_tokens(tokenizer)
    ids, answered = list[int](), list[bool]()
    for prompt, answer in exchanges:
        asked = [user, *tokenizer.encode(prompt).tolist(), bot]
        said = [*tokenizer.encode(answer).tolist(), stop]
        ids += asked + said
        answered += [False] * len(asked) + [True] * len(said)
    return torch.tensor(ids), torch.tensor(answered)


def encode_prompt(tokenizer: Tokenizer, prompt: str, before: Sequence[Exchange] = ()) -> Tensor:
    """A conversation up to where the bot has to answer: `... <user> prompt <bot>`, (T,) tokens."""
    user, bot, _ = special_tokens(tokenizer)
    asked = torch.tensor([user, *tokenizer.encode(prompt).tolist(), bot])
    return torch.cat([encode_turns(tokenizer, before)[0], asked]) if before else asked


def special_tokens(tokenizer: Tokenizer) -> tuple[int, int, int]:
    """The ids of <user>, <bot> and <stop>.

    Raises:
        ValueError: the tokenizer lacks one of them.
    """
    missing = [name for name in (USER, BOT, STOP) if name not in tokenizer.special]
    if missing:
        raise ValueError(
            f"turns need the special tokens {USER}, {BOT} and {STOP}; this tokenizer has no "
            f"{', '.join(missing)}. Make it with special=({USER!r}, {BOT!r}, {STOP!r})."
        )
    return tokenizer.special[USER], tokenizer.special[BOT], tokenizer.special[STOP]


def pad_left(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Prompts of unequal length as one batch that ends together, as `sample` asks for.

    Args:
        rows: texts (T,) of tokens, each T >= 1.

    Returns:
        tokens: (B, T) of the longest, filled up with 0 before each text.
        mask: (B, T) True for tokens, False for what is filled in.

    Raises:
        ValueError: there is no row, or one is no sequence of tokens.
    """
    if not rows or any(row.ndim != 1 or not len(row) for row in rows):
        shapes = [tuple(row.shape) for row in rows]
        raise ValueError(f"pad_left needs texts of shape (T,), T >= 1; got {shapes}.")
    fill = partial(torch.nn.utils.rnn.pad_sequence, batch_first=True, padding_side="left")
    return fill(list(rows)), fill([torch.ones_like(row, dtype=torch.bool) for row in rows])


def pad(rows: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Conversations of unequal length as one batch, filled up on the right.

    What is filled in is never scored, and a causal model shows it to nothing before it.

    Args:
        rows: pairs (tokens, answered) of shape (T,), each T >= 1.

    Returns:
        tokens: (B, T) of the longest; answered: (B, T), False where filled in.

    Raises:
        ValueError: there is no row, one whose two parts differ in shape, or a mask is not bool.
    """
    if not rows or any(t.shape != a.shape or t.ndim != 1 or not len(t) for t, a in rows):
        shapes = [(tuple(t.shape), tuple(a.shape)) for t, a in rows]
        raise ValueError(f"pad needs pairs of equal shape (T,), T >= 1; got {shapes}.")
    if any(answered.dtype != torch.bool for _, answered in rows):
        raise ValueError("what is answered must be truth values: use mask.bool().")
    tokens, answered = (
        torch.nn.utils.rnn.pad_sequence(list(part), batch_first=True)
        for part in zip(*rows, strict=True)
    )
    return tokens, answered
