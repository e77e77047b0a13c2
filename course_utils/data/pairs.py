"""Pairs of a source and its one right answer, and for each word of the answer what decides it.

Letters: N pairs, S tokens of a source, T tokens of an answer with its stop.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

PAD, START, STOP = 0, 1, 2
SPECIAL = ("<pad>", "<start>", "<stop>")
PARTS = ("train", "validation", "test")
PATIENCE = 1000  # draws for each pair that is wanted


class Example(NamedTuple):
    """One pair in words.

    Attributes:
        source: what is read.
        target: the one right answer.
        reasons: for each word of the target the places in the source that decide it, maybe none.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    reasons: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Pairs:
    """Pairs as tokens; token i is `vocabulary[i]`, and the first three are `SPECIAL`.

    Attributes:
        source: (N, S) int64, filled up with `PAD` at the end.
        target: (N, T + 1) int64: `START`, the answer, `STOP`, then `PAD`.
        alignment: (N, T, S) True where source token s decides target token t + 1. A row without
            any belongs to a token that no single word decides, such as `STOP`.
        vocabulary: the words of all tokens.
    """

    source: Tensor
    target: Tensor
    alignment: Tensor
    vocabulary: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.source)

    def to(self, device: torch.device | str) -> Pairs:
        """The same pairs on another device."""
        source, target = self.source.to(device), self.target.to(device)
        return Pairs(source, target, self.alignment.to(device), self.vocabulary)

    def words(self, tokens: Tensor | Sequence[int]) -> list[str]:
        """The words of tokens (T,), up to the first stop, without special tokens.

        Raises:
            ValueError: these are several rows, or a token is outside the vocabulary.
        """
        found = []
        tokens = torch.as_tensor(tokens)
        if tokens.ndim != 1:
            raise ValueError(
                f"tokens must have shape (T,); got {tuple(tokens.shape)}. One row at a time."
            )
        for token in tokens.tolist():
            if not 0 <= token < len(self.vocabulary):
                raise ValueError(
                    f"tokens must lie in 0 ... {len(self.vocabulary) - 1}; got {token}. Are they "
                    "of another task?"
                )
            if token == STOP:
                break
            if token >= len(SPECIAL):
                found.append(self.vocabulary[token])
        return found


def part_of(target: Sequence[str]) -> str:
    """Which part a pair belongs to: a tenth to "test", a tenth to "validation", else "train".

    The answer alone decides, by a hash that is the same on every machine. Two sources that mean the
    same have the same answer, so no paraphrase of a test source is ever trained on.
    """
    tenth = zlib.crc32(" ".join(target).encode()) % 10
    return {0: "test", 1: "validation"}.get(tenth, "train")


def draw_pairs(
    draw: Callable[[random.Random], Example],
    words: Sequence[str],
    count: int,
    *,
    part: str,
    seed: int,
) -> Pairs:
    """Draw pairs of one part, no source twice.

    Args:
        draw: makes one pair from random numbers.
        words: all words of sources and targets.
        count: N, at least 1.
        part: "train", "validation" or "test".
        seed: the same one gives the same pairs on every machine.

    Raises:
        ValueError: the part is unknown, N is below 1, or the task has too few sources.
    """
    if part not in PARTS:
        raise ValueError(f"part must be one of {', '.join(PARTS)}; got {part!r}.")
    if not isinstance(count, int) or count < 1:
        raise ValueError(f"count must be at least 1; got {count}. It is a whole number.")
    rng, found = random.Random(seed), {}
    for _ in range(PATIENCE * count):
        example = draw(rng)
        if example.source not in found and part_of(example.target) == part:
            found[example.source] = example
            if len(found) == count:
                return encode_pairs(list(found.values()), words)
    raise ValueError(
        f"only {len(found)} different sources were found for the {part} part; got count={count}. "
        "Ask for fewer, or let the sources be longer."
    )


def encode_pairs(examples: Sequence[Example], words: Sequence[str]) -> Pairs:
    """Turn examples, at least one, into tokens with a vocabulary of these words, sorted."""
    vocabulary = (*SPECIAL, *sorted(set(words)))
    ids = {word: token for token, word in enumerate(vocabulary)}
    longest = max(len(example.source) for example in examples)
    answers = max(len(example.target) for example in examples) + 1  # with the stop
    sources, targets, decided = [], [], []  # the last: (pair, token, place in the source)
    for row, example in enumerate(examples):
        tokens = [ids[word] for word in example.source]
        sources.append(tokens + [PAD] * (longest - len(tokens)))
        tokens = [START, *(ids[word] for word in example.target), STOP]
        targets.append(tokens + [PAD] * (answers + 1 - len(tokens)))
        decided += [(row, i, s) for i, places in enumerate(example.reasons) for s in places]
    alignment = torch.zeros(len(examples), answers, longest, dtype=torch.bool)
    alignment[tuple(torch.tensor(decided, dtype=torch.long).view(-1, 3).T)] = True
    return Pairs(torch.tensor(sources), torch.tensor(targets), alignment, vocabulary)


def check_range(name: str, pair: tuple[int, int], least: int, most: int) -> None:
    """Raise ValueError unless a pair (low, high) lies in order between two numbers."""
    whole = isinstance(pair, Sequence) and len(pair) == 2 and all(type(n) is int for n in pair)
    low, high = pair if whole else (most, least - 1)
    if not least <= low <= high <= most:
        raise ValueError(
            f"{name} must be a pair (low, high) with {least} <= low <= high <= {most}; got {pair}."
        )
