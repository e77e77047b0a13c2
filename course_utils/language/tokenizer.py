"""From text to tokens and back: characters, words, and byte pairs.

All three share one interface, so that models, losses and plots do not care who made the tokens.
Letters: V vocabulary.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from course_utils.language.byte_pairs import NUM_BYTES, Pair, apply_merges, learn_merges
from course_utils.language.cutting import cut_pieces, cut_words
from course_utils.language.vocabulary import UNKNOWN, Tokenizer, numbered, printable
from course_utils.layers import check_sizes

_SPACE_TO_DROP = re.compile(r" (?=[.,;:!?\n])|(?<=\n) ")


class CharTokenizer(Tokenizer):
    """One token for each character.

    Args:
        characters: The vocabulary; the position of a character is its token.
        special: Names of special tokens, such as ("<stop>",); see `Tokenizer`.
    """

    def __init__(self, characters: str, *, special: Sequence[str] = ()) -> None:
        self.characters = characters
        self.tokens = [printable(character) for character in characters]
        self._ids = numbered(characters)
        self._add_special(special)

    @classmethod
    def train(cls, text: str, *, special: Sequence[str] = ()) -> CharTokenizer:
        """The vocabulary of all characters in the text, sorted, and the special tokens."""
        return cls("".join(sorted(set(text))), special=special)

    def _encode(self, text: str) -> list[int]:
        try:
            return [self._ids[character] for character in text]
        except KeyError as error:
            character = error.args[0]
            raise ValueError(
                f"The character {character!r} at position {text.index(character)} is not among the "
                f"{self.vocab_size} of this vocabulary. Replace it, train the tokenizer on a text "
                "that has it, or use BytePairTokenizer, which encodes any text."
            ) from None

    def _decode(self, ids: list[int]) -> str:
        return "".join(self.characters[i] for i in ids)


class WordTokenizer(Tokenizer):
    """One token for each word, punctuation mark and line break.

    An accent or vowel sign that is a character of its own belongs to what it stands on.

    Other white space is not kept: `decode` puts one space between words, and none before `.,;:!?`
    or around a line break. A text that is written so comes back exactly.

    Args:
        words: The vocabulary; the position of a word is its token. If it holds "<unk>", that is the
            token of all words that are not in it; otherwise such a word is an error.
        special: Names of special tokens, such as ("<stop>",); see `Tokenizer`.
    """

    between = " "

    def __init__(self, words: Sequence[str], *, special: Sequence[str] = ()) -> None:
        self.words = list(words)
        self.tokens = [printable(word) for word in words]
        self._ids = numbered(words)
        self._add_special(special)

    @classmethod
    def train(
        cls,
        text: str,
        *,
        unknown: bool = False,
        min_count: int = 1,
        special: Sequence[str] = (),
    ) -> WordTokenizer:
        """The vocabulary of the words in a text, the most frequent first.

        Args:
            text: Where the words come from.
            unknown: Whether to add "<unk>" for words that are not in the vocabulary.
            min_count: Words that are rarer than this are left out, at least 1; above 1 it needs
                `unknown`.
            special: Names of special tokens.

        Raises:
            ValueError: If words would be left out with no token to stand for them, or the count is
                out of its range.
        """
        check_sizes(min_count=min_count)
        if min_count > 1 and not unknown:
            raise ValueError(
                f"min_count={min_count} leaves words of the text without a token. Use unknown=True."
            )
        counts = Counter(match[0] for match in cut_words(text))
        frequent = sorted(
            (word for word, n in counts.items() if n >= min_count), key=lambda w: (-counts[w], w)
        )
        return cls([UNKNOWN] * unknown + frequent, special=special)

    def _encode(self, text: str) -> list[int]:
        found = [match[0] for match in cut_words(text)]
        if UNKNOWN in self._ids:
            unknown = self._ids[UNKNOWN]
            return [self._ids.get(word, unknown) for word in found]
        try:
            return [self._ids[word] for word in found]
        except KeyError as error:
            word = error.args[0]
            position = next(match.start() for match in cut_words(text) if match[0] == word)
            raise ValueError(
                f"The word {word!r} at position {position} is not among the {self.vocab_size} of "
                "this vocabulary. Train with unknown=True to have a token for such words, or use "
                "BytePairTokenizer, which encodes any text."
            ) from None

    def _decode(self, ids: list[int]) -> str:
        return _SPACE_TO_DROP.sub("", " ".join(self.words[i] for i in ids))


class BytePairTokenizer(Tokenizer):
    """Frequent strings of bytes as tokens. All 256 bytes are tokens, so any text can be encoded.

    Args:
        merges: Pairs of tokens; pair i makes token 256 + i out of two earlier ones.
        special: Names of special tokens, such as ("<stop>",); see `Tokenizer`.

    Attributes:
        merges: The same.
        pieces: the bytes that each token stands for; special tokens have none.

    Raises:
        ValueError: If a merge uses a token that does not exist yet, or comes twice.
    """

    def __init__(self, merges: Sequence[Pair], *, special: Sequence[str] = ()) -> None:
        self.merges = [(int(left), int(right)) for left, right in merges]
        self.pieces = [bytes([value]) for value in range(NUM_BYTES)]
        for left, right in self.merges:
            if not (0 <= left < len(self.pieces) and 0 <= right < len(self.pieces)):
                raise ValueError(
                    f"Merge {(left, right)} makes token {len(self.pieces)}, so it may only join "
                    "earlier tokens. Give the merges in the order in which they were learned."
                )
            self.pieces.append(self.pieces[left] + self.pieces[right])
        self.tokens = [printable(piece.decode(errors="backslashreplace")) for piece in self.pieces]
        self._add_special(special)
        self._ranks = numbered(self.merges)
        self._cache: dict[bytes, list[int]] = {}

    @classmethod
    def train(cls, text: str, *, vocab_size: int, special: Sequence[str] = ()) -> BytePairTokenizer:
        """Learn the merges of a text.

        Args:
            text: Where the pairs are counted.
            vocab_size: V without special tokens, at least 256; V - 256 merges are learned.
            special: Names of special tokens.

        Raises:
            ValueError: If V is below 256, or the text is too short for so many merges.
        """
        check_sizes(vocab_size=vocab_size)
        if vocab_size < NUM_BYTES:
            raise ValueError(
                f"vocab_size must be at least 256, as every byte is a token; got {vocab_size}."
            )
        merges = learn_merges(Counter(cut_pieces(text)), vocab_size - NUM_BYTES)
        if len(merges) < vocab_size - NUM_BYTES:
            raise ValueError(
                f"This text has only {len(merges)} pairs to merge; vocab_size={vocab_size} needs "
                f"{vocab_size - NUM_BYTES}. Use vocab_size={NUM_BYTES + len(merges)} or more text."
            )
        return cls(merges, special=special)

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = []
        for piece in cut_pieces(text):
            if piece not in self._cache:
                self._cache[piece] = apply_merges(piece, self._ranks)
            ids.extend(self._cache[piece])
        return ids

    def _decode(self, ids: list[int]) -> str:
        # A model may stop in the middle of a character; that shows as "\ufffd" and is no error.
        return b"".join(self.pieces[i] for i in ids).decode(errors="replace")
