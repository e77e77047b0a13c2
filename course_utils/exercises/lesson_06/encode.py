"""06.4: cut a piece of text with merges that were learned."""

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from course_utils.exercises import Exercise, Mistake
from course_utils.language.byte_pairs import merge

Pair = tuple[int, int]


def encode(piece: list[int], merges: list[Pair]) -> list[int]:
    """All merges in the order in which they were learned."""
    for number, pair in enumerate(merges):
        piece = merge(piece, pair, 256 + number)
    return list(piece)


def encode_with(join: Callable[[list[int], Pair, int], list[int]]) -> Callable[..., list[int]]:
    """The right loop over the merges around a way to join one pair."""

    def answer(piece: list[int], merges: list[Pair]) -> list[int]:
        for number, pair in enumerate(merges):
            piece = join(piece, pair, 256 + number)
        return list(piece)

    return answer


def join_overlapping(tokens: list[int], pair: Pair, new: int) -> list[int]:
    """A token may belong to two pairs: 7 7 7 becomes two new tokens."""
    hits = {i for i, two in enumerate(pairwise(tokens)) if two == pair}
    gone = {i + 1 for i in hits}
    return [new if i in hits else t for i, t in enumerate(tokens) if i in hits or i not in gone]


def join_without_skipping(tokens: list[int], pair: Pair, new: int) -> list[int]:
    """The right neighbour of a joined pair stays in the text."""
    after = [*tokens[1:], None]
    return [new if two == pair else two[0] for two in zip(tokens, after, strict=True)]


def join_first_only(tokens: list[int], pair: Pair, new: int) -> list[int]:
    """Stops after the first pair."""
    for i, two in enumerate(pairwise(tokens)):
        if two == pair:
            return [*tokens[:i], new, *tokens[i + 2 :]]
    return tokens


def join_losing_the_last(tokens: list[int], pair: Pair, new: int) -> list[int]:
    """Stops one place early, where no pair can begin, and drops what stands there."""
    joined, position = [], 0
    while position < len(tokens) - 1:
        found = tuple(tokens[position : position + 2]) == pair
        joined.append(new if found else tokens[position])
        position += 2 if found else 1
    return joined


def join_from_the_right(tokens: list[int], pair: Pair, new: int) -> list[int]:
    """In 7 7 7 the last two are joined instead of the first two."""
    return merge(tokens[::-1], pair[::-1], new)[::-1]


def encode_backwards(piece: list[int], merges: list[Pair]) -> list[int]:
    """The newest merge first."""
    for number in reversed(range(len(merges))):
        piece = merge(piece, merges[number], 256 + number)
    return list(piece)


def encode_longest(piece: list[int], merges: list[Pair]) -> list[int]:
    """At each place the longest token that fits, read from left to right."""
    pieces: list[tuple[int, ...]] = [(value,) for value in range(256)]
    for left, right in merges:
        pieces.append(pieces[left] + pieces[right])
    tokens, position = [], 0
    while position < len(piece):
        fits = [t for t, p in enumerate(pieces) if tuple(piece[position : position + len(p)]) == p]
        tokens.append(max(fits, key=lambda token: len(pieces[token])))
        position += len(pieces[tokens[-1]])
    return tokens


def encode_most_frequent(piece: list[int], merges: list[Pair]) -> list[int]:
    """Of the known pairs the one that is most frequent in this piece, again and again."""
    numbers = {pair: 256 + number for number, pair in enumerate(merges)}
    while known := Counter(pair for pair in pairwise(piece) if pair in numbers):
        best = known.most_common(1)[0][0]
        piece = merge(piece, best, numbers[best])
    return list(piece)


def encode_wrong_numbers(piece: list[int], merges: list[Pair]) -> list[int]:
    """Every new token has the number 256."""
    for pair in merges:
        piece = merge(piece, pair, 256)
    return list(piece)


def piece_cases() -> list[tuple[Any, ...]]:
    """Runs of three and four, merges of merges, competing merges, the end of a piece, no text."""
    banana = [(97, 110), (256, 256), (98, 257)]
    competing = [(101, 114), (104, 101), (116, 257), (258, 256)]  # er, he, t+he, the+er
    return [
        (list(b"banana band"), banana),
        (list(b"aaaa"), [(97, 97), (256, 256)]),
        (list(b"aaabaaaa"), [(97, 97)]),
        (list(b"there, the hero, her"), competing),
        (list(b"hererer"), competing),
        (list("für zwölf Wölfe".encode()), [(195, 182), (256, 108), (195, 188)]),
        ([1, 11, 111, 1, 1, 11], [(1, 11), (11, 1)]),
        (list(b"no pair here"), [(0, 1)]),
        (list(b"as it was"), []),
        ([], banana),
        (list(b"she sells sea shells " * 20), [(115, 104), (256, 101), (108, 108), (32, 115)]),
    ]


ENCODE = Exercise(
    id="06.4",
    title="a piece of text in byte-pair tokens",
    reference=encode,
    cases=piece_cases,
    mistakes=[
        Mistake(
            "nothing joined",
            lambda piece, merges: list(piece),
            "Nothing was joined. A slice of a list never equals a tuple: write "
            "tuple(piece[i : i + 2]) == pair.",
        ),
        Mistake(
            "newest merge first",
            encode_backwards,
            "The newest merge came first. Its parts do not exist yet: go in the order learned.",
        ),
        Mistake(
            "longest token first",
            encode_longest,
            "That takes the longest token that fits at each place. Byte pairs do the merges in "
            "the order learned, wherever they stand in the text.",
        ),
        Mistake(
            "most frequent pair first",
            encode_most_frequent,
            "That joins what is frequent in this text. Encoding counts nothing: the order of "
            "the merges was fixed when they were learned.",
        ),
        Mistake(
            "all new tokens alike",
            encode_wrong_numbers,
            "Every new token got the number 256. Merge number i makes token 256 + i.",
        ),
        Mistake(
            "numbers from zero",
            lambda piece, merges: [t - 256 if t >= 256 else t for t in encode(piece, merges)],
            "New tokens start at 256, after all the bytes: merge number i makes 256 + i.",
        ),
        Mistake(
            "last token lost",
            encode_with(join_losing_the_last),
            "The last token is gone. It begins no pair, but it stays in the text.",
        ),
        Mistake(
            "second token kept",
            encode_with(join_without_skipping),
            "The right half of a joined pair is still there. After a pair go on two places.",
        ),
        Mistake(
            "overlapping pairs",
            encode_with(join_overlapping),
            "A token was used twice: a a a holds one pair (a, a) and an a that is left over.",
        ),
        Mistake(
            "first pair only",
            encode_with(join_first_only),
            "Each merge joined one pair only. Go on to the end of the text.",
        ),
        Mistake(
            "from the right",
            encode_with(join_from_the_right),
            "In a a a the last two were joined. Read from left to right: the first two.",
        ),
    ],
)
