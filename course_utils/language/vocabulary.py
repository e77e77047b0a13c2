"""What all tokenizers have in common: a vocabulary, and the checks at its borders.

Letters: T tokens, V vocabulary.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import groupby
from typing import TypeVar

import torch
from torch import Tensor

SPECIAL = re.compile(r"<\w+>")
UNKNOWN = "<unk>"
Entry = TypeVar("Entry", bound=Hashable)


class Tokenizer(ABC):
    """What every tokenizer can do.

    Special tokens, such as "<stop>", mark what no text can say: where a turn begins or a text ends.
    They come after all others, and only a program can place them: `encode` never gives one, so
    "<stop>" in a text is encoded as the characters that it is written with.

    Attributes:
        tokens: (V,) printable forms, for plots: a space shows as "␣" and a line break as "↵".
        special: name -> id of the special tokens.
    """

    tokens: list[str]
    special: dict[str, int]
    between = ""  # what stands around a special token that is shown

    @property
    def vocab_size(self) -> int:
        """V, the number of different tokens."""
        return len(self.tokens)

    def encode(self, text: str) -> Tensor:
        """Turn a text into tokens.

        Returns:
            (T,) int64 tokens.

        Raises:
            ValueError: If a part of the text has no token; it says which, where, and what to do.
        """
        return torch.tensor(self._encode(text), dtype=torch.long)

    def decode(self, tokens: Tensor | Sequence[int], *, show_special: bool = False) -> str:
        """Turn (T,) tokens, of any integer type, back into text.

        Special tokens show as nothing; with `show_special` by their names, for a reader: from such
        a text nobody can tell whether "<stop>" was a token or was typed.

        Raises:
            ValueError: If a token is not between 0 and V - 1, or the tokens are not one sequence.
        """
        ids = torch.as_tensor(tokens)
        whole = not (ids.is_floating_point() or ids.is_complex() or ids.dtype == torch.bool)
        if ids.ndim != 1 or (len(ids) and not whole):
            raise ValueError(
                "decode takes integer tokens of shape (T,); got "
                f"{ids.dtype} of shape {tuple(ids.shape)}. Decode a batch one row at a time."
            )
        ids = ids.long()  # bytes cannot be compared with a vocabulary of more than 256
        wrong = ((ids < 0) | (ids >= self.vocab_size)).nonzero()
        if len(wrong):
            place = int(wrong[0])
            raise ValueError(
                f"Token {int(ids[place])} at position {place} is outside the vocabulary, 0 to "
                f"{self.vocab_size - 1}. Was the text encoded by another tokenizer?"
            )
        names = {number: name for name, number in self.special.items()}
        if not show_special:
            return self._decode([i for i in ids.tolist() if i not in names])
        runs = groupby(ids.tolist(), key=lambda i: names.get(i, ""))
        return self.between.join(
            name * len(list(run)) if name else self._decode(list(run)) for name, run in runs
        )

    def _add_special(self, names: Sequence[str]) -> None:
        """Give the special tokens their ids; the last thing that a constructor does.

        Raises:
            ValueError: a name is not written <like_this>, is that of unknown words, or comes twice.
        """
        for name in names:
            if not SPECIAL.fullmatch(name) or name == UNKNOWN:
                raise ValueError(
                    f"a special token is named as <stop> is, and not {UNKNOWN}; got {name!r}."
                )
        start = len(self.tokens)
        self.special = {name: start + place for name, place in numbered(names).items()}
        self.tokens = [*self.tokens, *names]

    @abstractmethod
    def _encode(self, text: str) -> list[int]: ...

    @abstractmethod
    def _decode(self, ids: list[int]) -> str: ...


def numbered(vocabulary: Sequence[Entry]) -> dict[Entry, int]:
    """The position of every entry, once it is certain that none comes twice."""
    numbers = {entry: number for number, entry in enumerate(vocabulary)}
    if len(numbers) < len(vocabulary):
        twice = next(entry for entry, n in Counter(vocabulary).items() if n > 1)
        raise ValueError(f"The vocabulary holds {twice!r} more than once. Remove the repetition.")
    return numbers


def printable(piece: str) -> str:
    """How a token is written in a plot."""
    return piece.replace(" ", "␣").replace("\n", "↵")
