"""What a transformer's answer costs at least: operations, bytes moved, and what a machine minds.

Letters: B batch, T tokens, L layers, D width.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Machine:
    """A roof: no program does more operations a second, and none moves more bytes.

    Attributes:
        name: with the precision.
        operations: floating-point operations a second; a multiplication with its addition are two.
        bandwidth: bytes a second between memory and what computes.

    Raises:
        ValueError: a rate is not above 0.

    Source: Williams, Waterman and Patterson 2009, "Roofline", Communications of the ACM 52 (4).
    """

    name: str
    operations: float
    bandwidth: float

    def __post_init__(self) -> None:
        if not (self.operations > 0 and self.bandwidth > 0):
            raise ValueError(
                f"a machine's rates must be above 0; got {self.operations} operations and "
                f"{self.bandwidth} bytes a second."
            )

    def seconds(self, operations: float, moved: float) -> float:
        """The least time for so many operations and bytes, done side by side: the larger of two."""
        return max(operations / self.operations, moved / self.bandwidth)

    @property
    def ridge(self) -> float:
        """Operations a byte from which on arithmetic is the limit, and below it memory."""
        return self.operations / self.bandwidth


# Data sheets of NVIDIA: bfloat16 on tensor cores without sparsity, and the memory's bandwidth.
CARDS: Mapping[str, Machine] = {
    "H200 SXM": Machine("H200 SXM, bfloat16", 989e12, 4.8e12),
    "A100 80GB SXM": Machine("A100 80GB SXM, bfloat16", 312e12, 2.039e12),
    "T4": Machine("T4, float16", 65e12, 0.32e12),
}


@dataclass(frozen=True)
class Sizes:
    """Of a transformer, as its cost sees it.

    Attributes:
        weights: in all.
        num_layers: L.
        width: D.
        bytes_each: of a number: 4 in float32, 2 in bfloat16.
        once: those of the weights that a call uses once for an example and not for each of its
            tokens, such as the modulation of a diffusion transformer: a third of its blocks.

    Raises:
        ValueError: `once` is below 0, or more than all weights.
    """

    weights: float
    num_layers: int
    width: int
    bytes_each: int = 2
    once: float = 0

    def __post_init__(self) -> None:
        if not 0 <= self.once <= self.weights:
            raise ValueError(
                f"once counts some of the {self.weights:g} weights, so it is from 0 to as many; "
                f"got {self.once:g}."
            )

    def work(self, new: int, seen: int, batch: int) -> tuple[float, float]:
        """Operations and bytes of one pass over `new` tokens of each text, which see `seen`.

        Each weight is used twice for each token (those in `once`: for each text), by a
        multiplication and an addition, and is read once a pass, for all. Attention adds 4 D
        operations a layer for each pair of tokens, and reads a key and a value for each that is
        seen. Small things (norms, activations that stay in the cache) are left out.
        """
        each_token = 2 * (self.weights - self.once) + 4 * self.num_layers * self.width * seen
        operations = batch * (new * each_token + 2 * self.once)
        numbers = self.weights + 2 * batch * self.num_layers * self.width * seen
        return operations, self.bytes_each * numbers


def next_token_seconds(
    sizes: Sizes, machine: Machine, tokens: int, batch: int = 1, *, cached: bool = True
) -> float:
    """The least time to write so many tokens in each of B texts, one a pass.

    With a cache a pass reads one new token; without, all that stand.
    """
    passes = range(1, tokens + 1)
    return sum(machine.seconds(*sizes.work(1 if cached else k, k, batch)) for k in passes)


def diffusion_seconds(
    sizes: Sizes, machine: Machine, tokens: int, batch: int = 1, *, calls: int
) -> float:
    """The least time for so many calls, each over all tokens of B examples."""
    return calls * machine.seconds(*sizes.work(tokens, tokens, batch))


def crossing(
    sizes: Sequence[float], first: Sequence[float], second: Sequence[float]
) -> float | None:
    """The smallest size at which two costs are equal; None where they never are.

    Between the points that are given, log cost is taken to be a straight line over log size.

    Args:
        sizes: rising, above 0.
        first: a cost at each of these sizes, above 0.
        second: the other.

    Raises:
        ValueError: the lists are empty or of unequal length, or hold a number that is not above 0.
    """
    if not len(sizes) == len(first) == len(second) >= 1 or min(*sizes, *first, *second) <= 0:
        raise ValueError(
            f"crossing needs a cost above 0 for each size; got {len(sizes)} sizes, {len(first)} "
            f"and {len(second)} costs."
        )
    gap = [math.log(b / a) for a, b in zip(first, second, strict=True)]
    for k in range(len(sizes)):
        if gap[k] == 0:
            return float(sizes[k])
        if k and gap[k - 1] * gap[k] < 0:
            share = gap[k - 1] / (gap[k - 1] - gap[k])
            return float(sizes[k - 1] * (sizes[k] / sizes[k - 1]) ** share)
    return None


def measured_machine(*, repeats: int = 5) -> Machine:
    """What the CPU does of large float32 products, and of a copy that fits in no cache."""
    side, long = 768, 2**24
    a, b = torch.randn(side, side), torch.randn(side, side)
    source, target = torch.randn(long), torch.empty(long)

    def quickest(what: Callable[[], object]) -> float:
        times = []
        for _ in range(repeats):
            started = time.perf_counter()
            what()
            times.append(time.perf_counter() - started)
        return min(times)

    product = quickest(lambda: a @ b)
    copied = quickest(lambda: target.copy_(source))
    return Machine("this CPU, float32", 2 * side**3 / product, 2 * 4 * long / copied)
