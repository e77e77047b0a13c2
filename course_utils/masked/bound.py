"""The bound on the likelihood, with less noise, and exactly. Letters: B batch, T tokens."""

from __future__ import annotations

from itertools import combinations

import torch
from torch import Tensor

from course_utils.language.inputs import check_batch
from course_utils.layers import check_sizes
from course_utils.masked.model import Unmasker
from course_utils.masked.objective import hide_tokens, surprise


@torch.no_grad()
def text_bound(
    model: Unmasker, tokens: Tensor, *, num_draws: int = 8, generator: torch.Generator
) -> Tensor:
    """For each text the bound of -log p, in nats, estimated with little noise.

    The integral over t in `masked_loss` can be done by hand: the number of hidden tokens is uniform
    on 1 ... T, and given that number n each set of n is as likely as another. So

        bound = T E_n [ mean over the n hidden of -log p(token | what is seen) ].

    It is that of a model which writes in a random order.

    Args:
        model: the network and its mask.
        tokens: (B, T) whole texts.
        num_draws: sets of hidden tokens for each text, their numbers evenly spread.
        generator: of the sets.

    Returns:
        (B,) nats.

    Source: Hoogeboom et al. 2022 (ARDM), equation 3, arXiv:2110.02037.
    """
    check_batch(tokens)
    check_sizes(num_draws=num_draws)
    model.check_text(tokens)
    num, length = tokens.shape
    found = []
    for _ in range(num_draws):
        spread = (torch.arange(num) + torch.rand(1, generator=generator)) / num
        spread = spread[torch.randperm(num, generator=generator)]
        count = 1 + (spread * length).long().clamp(max=length - 1)  # (B,) uniform on 1 ... T
        masked, hidden = hide_tokens(tokens, count, model.mask_id, generator=generator)
        losses = surprise(model(masked), tokens) * hidden
        found.append(length * losses.sum(1) / hidden.sum(1))
    return torch.stack(found).mean(0)


@torch.no_grad()
def exact_bound(model: Unmasker, tokens: Tensor) -> Tensor:
    """The same for one short text (T,), over all 2^T - 1 sets of hidden tokens; () nats.

    Raises:
        ValueError: the text is longer than 12 tokens: there would be too many sets.
    """
    if tokens.ndim != 1 or not 1 <= len(tokens) <= 12:
        raise ValueError(f"the exact bound takes one text of 1 to 12 tokens; got {tokens.shape}.")
    length = len(tokens)
    total = torch.zeros((), device=tokens.device)
    for count in range(1, length + 1):
        sets = torch.tensor(list(combinations(range(length), count)))  # (sets, count)
        hidden = torch.zeros(len(sets), length, dtype=torch.bool).scatter(1, sets, True)
        hidden = hidden.to(tokens.device)
        texts = tokens.expand(len(sets), -1)
        losses = surprise(model(texts.masked_fill(hidden, model.mask_id)), texts) * hidden
        total = total + (losses.sum(1) / count).mean()
    return total
