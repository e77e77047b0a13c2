"""Kneser-Ney: n-grams that ask how many different tokens stood before, not how often.

Letters: M contexts, N n-grams of one length, V vocabulary.
"""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils.language.ngram import NGram


class KneserNey(NGram):
    """Predict the next token as `NGram` does, by interpolated Kneser-Ney.

    A *discount* d is taken from every count, and what is gained goes to the shorter context:

        P(w | h) = (c(h, w) - d) / c(h) + d n(h) / c(h) P(w | h'),    at the bottom P(w) = 1 / V,

    with the number n(h) of different tokens that followed h; the first part is 0 where w did not.
    In the longest context c counts how often. In shorter ones, asked only where the longer one does
    not know, c(h, w) is the number of *different* tokens that stood before (h, w): so "Francisco",
    frequent and always after "San", is not expected anywhere else.

    Args:
        order: longest n-gram, 0 uniform.
        vocab_size: V, at least 1.
        discount: d, above 0 and below 1.

    Raises:
        ValueError: an argument is out of range.

    Source: Kneser and Ney 1995, "Improved backing-off for m-gram language modeling"; interpolated
        as in Chen and Goodman 1999, with one discount for all lengths.
    """

    def __init__(self, order: int, vocab_size: int, *, discount: float = 0.9) -> None:
        super().__init__(order, vocab_size)
        if not 0 < discount < 1:
            raise ValueError(
                f"discount must lie between 0 and 1, as the smallest count is 1; got {discount}."
            )
        self.discount = discount

    @torch.no_grad()
    def fit(self, tokens: Tensor) -> KneserNey:
        """Count as `NGram.fit` does, then count what stood before all but the longest n-grams."""
        super().fit(tokens)
        shorter = torch.zeros_like(tokens[:0])  # of each n-gram, the number of it less its oldest
        for length in range(1, self.order):
            ngrams, longer = self._table(length)[0], self._table(length + 1)[0]
            if length == 1:
                shorter = torch.zeros_like(ngrams)
            context, token = longer // self.vocab_size, longer % self.vocab_size
            shorter = self._find(shorter[context], token, length)
            # The first n-gram of the text may have nothing before it: it counts once all the same.
            counts = shorter.bincount(minlength=len(ngrams)).clamp(min=1)
            self.register_buffer(f"counts_{length}", counts)
        return self

    def _refine(self, logs: Tensor, context: Tensor, length: int) -> Tensor:
        """One level of the recursion, log P(w | h') (M, V) to log P(w | h), h by number (M,)."""
        row, token, count = self._seen(context, length)
        total = logs.new_zeros(len(logs)).index_add_(0, row, count)  # (M,) c(h)
        kinds = row.bincount(minlength=len(logs))  # (M,) n(h)
        passed_on = torch.where(kinds > 0, self.discount * kinds / total, 1)
        mixed = logs + passed_on.log().unsqueeze(-1)
        own = (count - self.discount).log() - total.log()[row]
        mixed[row, token] = mixed[row, token].logaddexp(own)  # each pair once
        return mixed
