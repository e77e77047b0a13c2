"""Where a text is cut: into words, and into the pieces in which byte pairs are merged."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_JOINERS = "\u200c\u200d"  # without a width, inside words of Persian and Hindi

# GPT-2's way of cutting a text before byte pairs are merged, as far as Python's re can say it:
# contractions, then words, numbers or symbols with the space before them, then other white space.
_PIECE = re.compile(r"'(?:[sdmt]|ll|ve|re)| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+")


def cut_words(text: str) -> Iterator[re.Match[str]]:
    r"""The words, punctuation marks and line breaks of a text.

    Python's `\w` leaves out the marks that combine with a letter, which cut "नमस्ते" into four. So
    those that the text holds are named beside it.
    """
    marks = {char for char in set(text) if unicodedata.category(char).startswith("M")}
    mark = "".join(sorted(marks)) + _JOINERS
    letters = rf"[\w{mark}]+"
    return re.finditer(rf"{letters}(?:['-]{letters})*|\n|[^\w\s][{mark}]*", text)


def cut_pieces(text: str) -> list[bytes]:
    """The pieces of a text in which pairs may be merged; joined they are the text."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{text[error.start]!r} at position {error.start} is half of a surrogate pair, not a "
            'character. Read the file with encoding="utf-8", or clean the text with '
            'text.encode("utf-8", "replace").decode().'
        ) from None
    return [piece.encode() for piece in _PIECE.findall(text)]
