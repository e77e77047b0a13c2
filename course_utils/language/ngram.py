"""N-gram models: the next token by counting what followed the same few tokens before.

Letters: B batch, T tokens, V vocabulary, N n-grams of one length.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from course_utils.language.inputs import check_batch, check_type, check_vocabulary
from course_utils.layers import check_sizes


class NGram(nn.Module):
    """Predict the next token from the `order - 1` tokens before it, by counts.

    Where a context was seen rarely, shorter contexts help out. With the count `c` in the training
    text, a context `h`, and `h'` which is `h` without its oldest token:

        P(w | h) = (c(h, w) + k P(w | h')) / (c(h) + k),    and at the bottom P(w) = 1 / V.

    So nothing is impossible. All is computed with logarithms, because a token that never followed
    loses a factor at each length, and their product may be less than a float can hold.

    It has no parameters to train by gradients, and is used like a neural model: the same loss and
    the same sampler.

    Args:
        order: 0 uniform, 1 unigram, 2 bigram, ...
        vocab_size: V, at least 1.
        strength: k, how many observations the shorter context is worth, above 0 and finite.

    Attributes:
        context_length: The number of last tokens that the prediction can depend on, at least 1.

    Raises:
        ValueError: If an argument is out of range.

    Source: MacKay and Peto 1995, "A hierarchical Dirichlet language model", who mix counts and a
        learned prior so for bigrams; here the prior of each length is the one below, with one k.
    """

    def __init__(self, order: int, vocab_size: int, *, strength: float = 8.0) -> None:
        super().__init__()
        check_sizes(0, order=order)
        check_sizes(vocab_size=vocab_size)
        if not 0 < strength < math.inf:
            raise ValueError(
                "strength must be above 0, or unseen tokens get probability 0, and finite; "
                f"got {strength}."
            )
        self.order, self.vocab_size, self.strength = order, vocab_size, strength
        self.context_length = max(order - 1, 1)

    @torch.no_grad()
    def fit(self, tokens: Tensor) -> NGram:
        """Count all n-grams up to the order in a text.

        An n-gram is stored as one number, `context * V + token`, where the context is the place of
        its first n - 1 tokens in the sorted list of all (n-1)-grams. So the n-grams with one
        context lie side by side, and each length takes one `unique`.

        Args:
            tokens: (T,) the text.

        Returns:
            The model itself.

        Raises:
            ValueError: If the tokens are not one sequence from the vocabulary, or fewer than order.
        """
        if tokens.ndim != 1 or len(tokens) < max(self.order, 1):
            raise ValueError(
                f"fit takes one text of shape (T,) with T >= {max(self.order, 1)}; "
                f"got {tuple(tokens.shape)}."
            )
        check_type(tokens)
        check_vocabulary(tokens, self.vocab_size)
        context, num_contexts = torch.zeros_like(tokens), 1  # the empty context, before every token
        for length in range(1, self.order + 1):
            ngrams = context * self.vocab_size + tokens[length - 1 :]
            keys, found, counts = ngrams.unique(return_inverse=True, return_counts=True)
            starts = torch.arange(num_contexts + 1, device=keys.device) * self.vocab_size
            self.register_buffer(f"keys_{length}", keys)  # (N,) sorted
            self.register_buffer(f"counts_{length}", counts)  # (N,)
            self.register_buffer(f"starts_{length}", torch.searchsorted(keys, starts))
            context, num_contexts = found[:-1], len(keys)
        return self

    @torch.no_grad()
    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of the next token after each position; they are log-probabilities.

        Args:
            tokens: (B, T). The first positions have short contexts, and use those.

        Returns:
            (B, T, V) log P(next token | the last order - 1 tokens).

        Raises:
            RuntimeError: If the model has not been fitted.
            ValueError: If the tokens have another shape or are outside the vocabulary.
        """
        if self.order and not hasattr(self, "keys_1"):
            raise RuntimeError("This n-gram model has counted nothing yet. Call fit(tokens) first.")
        check_batch(tokens)
        check_vocabulary(tokens, self.vocab_size)
        shape, uniform = (tokens.numel(), self.vocab_size), -math.log(self.vocab_size)
        logs = torch.full(shape, uniform, dtype=torch.float32, device=tokens.device)
        context = torch.zeros_like(tokens)  # (B, T); -1 marks one that was never seen
        for length in range(1, self.order + 1):
            logs = self._refine(logs, context.flatten(), length)
            # Contexts of this token, not of the next one; at first there is only the empty one.
            before = nn.functional.pad(context, (1, -1), value=0 if length == 1 else -1)
            context = self._find(before, tokens, length)
        return logs.unflatten(0, tokens.shape)

    def _refine(self, logs: Tensor, context: Tensor, length: int) -> Tensor:
        """One level of the recursion, log P(w | h') (M, V) to log P(w | h), h by number (M,)."""
        row, token, count = self._seen(context, length)
        total = logs.new_zeros(len(logs)).index_add_(0, row, count)  # (M,) c(h)
        strength = torch.full((), math.log(self.strength), dtype=logs.dtype, device=logs.device)
        whole = total.log().logaddexp(strength)  # (M,) log(c(h) + k)
        mixed = logs + (strength - whole).unsqueeze(-1)
        mixed[row, token] = mixed[row, token].logaddexp(count.log() - whole[row])  # each pair once
        return mixed

    def _seen(self, context: Tensor, length: int) -> tuple[Tensor, Tensor, Tensor]:
        """What followed the contexts (M,): places among the M, tokens, counts, each (S,)."""
        keys, counts, starts = self._table(length)
        first = starts[context.clamp(min=0)]  # (M,)
        number = torch.where(context < 0, 0, starts[context.clamp(min=0) + 1] - first)  # (M,)
        row = torch.arange(len(context), device=keys.device).repeat_interleave(number)  # (S,)
        offset = torch.arange(len(row), device=keys.device) - (number.cumsum(0) - number)[row]
        entry = first[row] + offset  # (S,) places in the table of all continuations of all contexts
        return row, keys[entry] % self.vocab_size, counts[entry].float()

    def _find(self, context: Tensor, tokens: Tensor, length: int) -> Tensor:
        """The numbers of the n-grams (context, token), -1 where one was never seen."""
        keys, _, _ = self._table(length)
        wanted = context * self.vocab_size + tokens
        place = torch.searchsorted(keys, wanted).clamp(max=len(keys) - 1)
        return torch.where((context >= 0) & (keys[place] == wanted), place, -1)

    def _table(self, length: int) -> list[Tensor]:
        return [self.get_buffer(f"{name}_{length}") for name in ("keys", "counts", "starts")]
