"""How a sampler asks a model about a growing text, so that as little as possible is read twice.

Letters: B batch, T tokens, S asked for, V vocabulary.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Reader:
    """Asks a model for the logits at the end of a text that grows.

    A `GPT` is given what is new, and a cache of the rest. A text longer than the context loses its
    first token at each step, which changes what all others have seen: from there on every call
    reads the whole context anew. Other models read their context each time.

    Args:
        model: tokens (B, T) -> logits (B, T, V).
        use_cache: False reads everything anew each time; the logits are the same.
        mask: (B, T) False for the padding before each text of the prompt. None is a prompt without.
    """

    def __init__(
        self, model: nn.Module, use_cache: bool = True, mask: Tensor | None = None
    ) -> None:
        self.model, self.use_cache = model, use_cache
        self.mask = None if mask is None or mask.all() else mask
        self.context_length = getattr(model, "context_length", None)
        self.max_length = getattr(model, "max_length", None)
        self.make_cache = getattr(model, "make_cache", None)
        self.cache = self.make_cache(self.mask) if self.make_cache else None
        self.looks_ahead = self.make_cache is not None and self.cache is None

    @torch.inference_mode()  # a short call is a fifth faster than with no_grad
    def __call__(self, tokens: Tensor, num_last: int = 1) -> Tensor:
        """Logits (B, S, V) at the S = num_last last positions of tokens (B, T).

        The tokens must go on from those of the call before, except where `keep` was called.
        """
        length = tokens.shape[1]
        too_long = self.max_length is not None and length > self.max_length
        if num_last > 1 and (too_long or self.looks_ahead):  # each position has a view of its own
            ends = range(length - num_last + 1, length + 1)
            return torch.cat([self._anew(tokens[:, :end]) for end in ends], dim=1)
        if self.use_cache and self.cache is not None and not too_long:
            self.keep(length - num_last)
            return self.model(tokens[:, self.cache.size :], self.cache)[:, -num_last:]
        return self._anew(tokens, num_last)

    def keep(self, size: int) -> None:
        """Forget what was read after the first `size` tokens."""
        if self.cache is not None and self.cache.size > size:
            self.cache.keep(size)

    def select(self, rows: Tensor) -> None:
        """Go on with these rows (B',) of the batch, in this order; a row may come several times."""
        if self.cache is not None:
            self.cache.select(rows)
        if self.mask is not None:
            self.mask = self.mask[rows]

    def _anew(self, tokens: Tensor, num_last: int = 1) -> Tensor:
        """The same logits, with nothing remembered."""
        mask = self.real(tokens)
        if self.context_length is not None:
            shown = self.context_length + num_last - 1
            shown = shown if self.max_length is None else min(shown, self.max_length)
            tokens, mask = tokens[:, -shown:], None if mask is None else mask[:, -shown:]
        if mask is None or mask.all():
            return self.model(tokens)[:, -num_last:]
        if self.make_cache is None or self.looks_ahead:
            return self._one_length_at_a_time(tokens, mask, num_last)
        return self.model(tokens, self.make_cache(mask))[:, -num_last:]

    def real(self, tokens: Tensor) -> Tensor | None:
        """(B, T) True for tokens, those written since included; None without padding."""
        if self.mask is None:
            return None
        written = self.mask.new_ones(len(tokens), tokens.shape[1] - self.mask.shape[1])
        return torch.cat([self.mask, written], dim=1)

    def _one_length_at_a_time(self, tokens: Tensor, mask: Tensor, num_last: int) -> Tensor:
        """For a model that knows no padding: texts of one length together, without it."""
        padding = (~mask).sum(1)  # (B,)
        found: Tensor | None = None
        for count in padding.unique().tolist():
            rows = (padding == count).nonzero()[:, 0]
            logits = self.model(tokens[rows, count:])[:, -num_last:]
            if found is None:
                found = logits.new_empty(len(tokens), *logits.shape[1:])
            found[rows] = logits
        assert found is not None  # a batch has a row
        return found
