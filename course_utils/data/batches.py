"""Endless streams of batches in which batch `k` depends on nothing but the seed and `k`.

That purity is what lets a training that was interrupted go on bit for bit: it asks for batch 1,200
and gets the one it would have got. Data lives in memory as tensors; a batch is one index operation.
Letters: N examples, B batch, T tokens.
"""

from __future__ import annotations

import copy
import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


class Stream(ABC):
    """An endless sequence of batches: `stream[k]` in any order, or `for batch in stream`.

    A batch is always a tuple of tensors, also where it holds one.
    """

    @abstractmethod
    def batch(self, index: int) -> tuple[Tensor, ...]:
        """Batch `index` >= 0."""

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        """Batch `index`, always the same one for the same index.

        Raises:
            IndexError: If the index is negative: an endless stream has no last batch.
        """
        if index < 0:
            raise IndexError(f"A batch has a number from 0 upwards; got {index}.")
        return self.batch(index)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        """Batches 0, 1, 2, ... without end."""
        return (self[index] for index in itertools.count())


class Batches(Stream):
    """Batches of examples without replacement: every epoch goes over the data in a new order.

    What does not fill a last batch is left out of that epoch; the next one shuffles anew.

    Args:
        *tensors: Each (N, ...), example `i` of one belonging to example `i` of the others.
        batch_size: B, from 1 to N.
        seed: Of the order, at least 0.

    Raises:
        ValueError: If there is no tensor, one holds images of bytes, their lengths differ, or B or
            the seed is out of range.
    """

    def __init__(self, *tensors: Tensor, batch_size: int, seed: int = 0) -> None:
        if not tensors or not all(isinstance(x, Tensor) and x.ndim for x in tensors):
            raise ValueError(
                "Batches needs at least one tensor of shape (N, ...), and tensors only. Use "
                "torch.from_numpy for arrays, torch.tensor for lists."
            )
        if any(x.dtype == torch.uint8 and x.ndim >= 3 for x in tensors):
            raise ValueError(
                "images of bytes (uint8) cannot be computed with. Bring them to [-1, 1] first: "
                "images.float() / 127.5 - 1."
            )
        lengths = [len(tensor) for tensor in tensors]
        if len(set(lengths)) > 1:
            raise ValueError(
                f"All tensors must have the same number of examples; got {lengths}. "
                "Cut them to the same length, example by example."
            )
        if not 1 <= batch_size <= lengths[0]:
            raise ValueError(
                f"batch_size must lie between 1 and the number of examples, {lengths[0]}; "
                f"got {batch_size}. Use a smaller batch or more data."
            )
        _check_seed(seed)
        self.tensors, self.batch_size, self.seed = tensors, batch_size, seed
        self.batches_per_epoch = lengths[0] // batch_size
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.long)

    def batch(self, index: int) -> tuple[Tensor, ...]:
        """One tensor (B, ...) for every tensor of the data."""
        epoch, position = divmod(index, self.batches_per_epoch)
        if epoch != self._epoch:  # only a cache: the order is a function of seed and epoch
            order = torch.randperm(len(self.tensors[0]), generator=_generator(self.seed, epoch))
            self._epoch, self._order = epoch, order.to(self.tensors[0].device)
        rows = self._order[position * self.batch_size : (position + 1) * self.batch_size]
        return tuple(tensor[rows] for tensor in self.tensors)

    def to(self, device: torch.device | str) -> Batches:
        """The same stream with its data on another device."""
        moved = (tensor.to(device) for tensor in self.tensors)
        return Batches(*moved, batch_size=self.batch_size, seed=self.seed)


class Windows(Stream):
    """Batches of random windows of a text, one token longer than the context.

    The extra token makes inputs and targets: `windows[:, :-1]` and `windows[:, 1:]`.

    Args:
        tokens: (T,) the whole text, of an integer type.
        context_length: How many tokens the model reads, at least 1.
        batch_size: B, at least 1.
        seed: Of the places, at least 0.

    Raises:
        ValueError: If the tokens are not a line of integers >= 0, or are fewer than one window, or
            a number is out of range.
    """

    def __init__(self, tokens: Tensor, context_length: int, batch_size: int, seed: int = 0) -> None:
        if not isinstance(tokens, Tensor) or tokens.ndim != 1 or tokens.dtype not in INTEGERS:
            came = type(tokens).__name__
            if isinstance(tokens, Tensor):
                came = f"{tokens.dtype} of shape {tuple(tokens.shape)}"
            raise ValueError(
                "tokens must be a tensor of integers of shape (T,), as Tokenizer.encode returns; "
                f"got {came}."
            )
        if context_length < 1 or batch_size < 1:
            raise ValueError(
                "context_length and batch_size must be at least 1; "
                f"got {context_length} and {batch_size}."
            )
        if len(tokens) < context_length + 1:
            raise ValueError(
                f"A window takes context_length + 1 = {context_length + 1} tokens, but the text "
                f"has {len(tokens)}. Use a shorter context or more text."
            )
        if bool((tokens < 0).any()):
            raise ValueError(f"tokens count from 0; got {int(tokens.min())}.")
        _check_seed(seed)
        self.tokens, self.context_length = tokens.long(), context_length
        self.batch_size, self.seed = batch_size, seed

    def batch(self, index: int) -> tuple[Tensor, ...]:
        """One tensor: windows (B, context_length + 1), int64."""
        num_places = len(self.tokens) - self.context_length
        generator = _generator(self.seed, index)
        start = torch.randint(num_places, (self.batch_size, 1), generator=generator)  # (B, 1)
        places = start + torch.arange(self.context_length + 1)  # (B, context_length + 1)
        return (self.tokens[places.to(self.tokens.device)],)

    def to(self, device: torch.device | str) -> Windows:
        """The same stream with its text on another device."""
        moved = copy.copy(self)
        moved.tokens = self.tokens.to(device)
        return moved


def _check_seed(seed: int) -> None:
    if seed < 0:
        raise ValueError(f"seed must be at least 0; got {seed}.")


def _generator(seed: int, index: int) -> torch.Generator:
    """A generator for (seed, index), mixed into the 32 bits that torch's generator looks at."""
    mixed = np.random.SeedSequence((seed, index)).generate_state(1)[0]
    return torch.Generator().manual_seed(int(mixed))
