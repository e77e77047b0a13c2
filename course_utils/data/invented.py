"""Texts in languages that nobody can know beforehand: what to read by when nothing is learned.

Letters: N texts, L letters of an alphabet, T letters of a text that are followed by one more.
"""

from __future__ import annotations

import torch
from torch import Tensor


def invented_texts(
    count: int,
    *,
    generator: torch.Generator,
    num_letters: int = 16,
    num_words: int = 4,
    length: int = 32,
) -> tuple[Tensor, Tensor]:
    """Draw texts, each in a language of its own, and say where the next letter can be known.

    A language is the whole alphabet, shuffled and cut at random into words. A text is its words,
    drawn at random with equal chance and strung together without spaces; it begins inside a word.
    The next letter can be known where the present one has stood before and does not end a word:
    it is then what followed last time.

    Args:
        count: N.
        generator: The source of randomness, on the CPU.
        num_letters: L, the size of the alphabet.
        num_words: Words of a language, 1 to L.
        length: T.

    Returns:
        (N, T + 1) letters from 0 to L - 1, and (N, T): entry i says whether letter i + 1 can be
        known.

    Raises:
        ValueError: There are more words than letters, or none.
    """
    if not 1 <= num_words <= num_letters:
        raise ValueError(
            f"num_words must lie between 1 and num_letters, as every word has a letter; got "
            f"num_words={num_words} and num_letters={num_letters}."
        )
    letters = torch.rand(count, num_letters, generator=generator).argsort(1)
    ranks = torch.rand(count, num_letters - 1, generator=generator).argsort(1).argsort(1)
    cut, edge = ranks < num_words - 1, torch.ones(count, 1, dtype=torch.bool)
    first, last = torch.cat([edge, cut], 1), torch.cat([cut, edge], 1)  # (N, L): of a word
    begin = torch.multinomial(first.float(), length + 1, replacement=True, generator=generator)
    path = [begin[:, :1]]  # places in the shuffled alphabet
    for next_word in begin[:, 1:].split(1, dim=1):
        here = path[-1]
        path.append(torch.where(last.gather(1, here), next_word, here + 1))
    places = torch.cat(path, 1)  # (N, T + 1)
    text = letters.gather(1, places)
    seen = (text[:, :, None] == text[:, None, :]).tril(-1).any(-1)
    return text, (seen & ~last.gather(1, places))[:, :-1]
