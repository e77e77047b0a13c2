"""Byte-pair encoding: join the most frequent pair of neighbours into a new token, again and again.

Tokens 0 to 255 are the bytes; merge number i makes token 256 + i.

Source: Sennrich, Haddow and Birch 2016, arXiv:1508.07909; on bytes: Radford et al. 2019 (GPT-2).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise

Pair = tuple[int, int]

NUM_BYTES = 256


def learn_merges(piece_counts: Mapping[bytes, int], num_merges: int) -> list[Pair]:
    """Find the merges of a text that has been cut into pieces.

    Counts are kept up to date instead of made anew: a merge changes them only in the pieces that
    hold its pair. Of equally frequent pairs the one with the smallest tokens is taken.

    Args:
        piece_counts: How often each different piece occurs. No merge crosses the end of a piece.
        num_merges: How many merges to find.

    Returns:
        The merges in order; fewer than asked for when every piece has become a single token.
    """
    pieces, counts = [list(piece) for piece in piece_counts], list(piece_counts.values())
    pair_counts: Counter[Pair] = Counter()
    holders: defaultdict[Pair, set[int]] = defaultdict(
        set
    )  # pair -> pieces that hold it, or held it

    def count(index: int, sign: int) -> None:
        for pair in pairwise(pieces[index]):
            pair_counts[pair] += sign * counts[index]
            holders[pair].add(index)

    for index in range(len(pieces)):
        count(index, +1)
    merges: list[Pair] = []
    while len(merges) < num_merges and any(pair_counts.values()):
        top = max(pair_counts.values())
        best = min(pair for pair, number in pair_counts.items() if number == top)
        for index in holders.pop(best):
            count(index, -1)
            pieces[index] = merge(pieces[index], best, NUM_BYTES + len(merges))
            count(index, +1)
        merges.append(best)
    return merges


def merge(ids: Sequence[int], pair: Pair, new: int) -> list[int]:
    """Replace each occurrence of the pair by the new token, from left to right."""
    merged: list[int] = []
    position = 0
    while position < len(ids):
        found = tuple(ids[position : position + 2]) == pair
        merged.append(new if found else ids[position])
        position += 2 if found else 1
    return merged


def apply_merges(piece: bytes, ranks: Mapping[Pair, int]) -> list[int]:
    """Encode one piece: of all pairs in it, the merge that was learned first is done first.

    Args:
        piece: The bytes.
        ranks: The number of each merge, in the order in which they were learned.

    Returns:
        The tokens.
    """
    ids = list(piece)
    while len(ids) > 1:
        best = min(pairwise(ids), key=lambda pair: ranks.get(pair, len(ranks)))
        if best not in ranks:
            break
        ids = merge(ids, best, NUM_BYTES + ranks[best])
    return ids
