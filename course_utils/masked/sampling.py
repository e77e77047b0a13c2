"""From hidden tokens to a text. Letters: B batch, T tokens, V vocabulary."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from course_utils.language.inputs import check_batch
from course_utils.language.sampling import next_probs
from course_utils.layers import check_sizes
from course_utils.masked.model import Unmasker
from course_utils.masked.orders import Order, random_order
from course_utils.records import SampleStep


def sample(
    model: Unmasker,
    tokens: Tensor,
    *,
    num_steps: int | None = None,
    order: Order = random_order,
    temperature: float = 1.0,
    generator: torch.Generator | None = None,
) -> Iterator[SampleStep[Tensor]]:
    """Fill the gaps of texts, giving the state after each pass.

    Each pass looks at the whole text, and finds the same number of tokens (the first passes one
    more, where it does not come out even). Tokens of one pass are drawn each for itself: they do
    not know of each other. What is found stays.

    Args:
        model: the network and its mask.
        tokens: (B, T) int64, `model.mask_id` where a token is to be found; each text has the same
            number of gaps, at least one. `torch.full((B, T), mask_id)` begins from nothing.
        num_steps: passes, from 1 to the number of gaps; one for each gap if None.
        order: which come first, such as those in `ORDERS`: order(probs (B, T, V), generator) gives
            numbers (B, T), all different among the gaps of a text or taken as they come.
        temperature: as in `language.sample`; 0 takes the likeliest token at each place.
        generator: of choices and orders; torch's global one if None.

    Returns:
        An iterator of `SampleStep`: state the tokens (B, T), t the share of gaps that are left,
        prediction the probabilities (B, T, V) that the pass said.

    Raises:
        ValueError: there is no gap, texts have unequal numbers of gaps, or a setting is out of its
            range.

    Source: Sahoo et al. 2024, section 3.3, arXiv:2406.07524, with the numbers of tokens a pass
    fixed instead of drawn.
    """
    check_batch(tokens)
    gaps = (tokens == model.mask_id).sum(1)
    total = int(gaps[0])
    if not total or not bool((gaps == total).all()):
        raise ValueError(
            f"each text needs gaps (token {model.mask_id}), the same number in all; got "
            f"{gaps.tolist()}. Fill texts with unequal gaps one after the other."
        )
    num_steps = total if num_steps is None else num_steps
    check_sizes(num_steps=num_steps)
    if num_steps > total:
        raise ValueError(f"there are {total} gaps, so at most {total} passes; got {num_steps}.")
    next_probs(torch.zeros(2), temperature)  # a temperature out of its range fails here
    return _passes(model, tokens.clone(), total, num_steps, order, temperature, generator)


@torch.no_grad()
def _passes(
    model: Unmasker,
    tokens: Tensor,
    total: int,
    num_steps: int,
    order: Order,
    temperature: float,
    generator: torch.Generator | None,
) -> Iterator[SampleStep[Tensor]]:
    left = total
    for calls in range(1, num_steps + 1):
        count = -(-left // (num_steps - calls + 1))  # rounded up
        probs = next_probs(model(tokens), temperature)  # (B, T, V)
        tokens = unmask(tokens, probs, count, order, model.mask_id, generator)
        left -= count
        yield SampleStep(calls=calls, t=left / total, state=tokens.clone(), prediction=probs)


def unmask(
    tokens: Tensor,
    probs: Tensor,
    count: int,
    order: Order,
    mask_id: int,
    generator: torch.Generator | None,
) -> Tensor:
    """Tokens (B, T) with `count` more of the gaps filled, drawn from probs (B, T, V).

    Raises:
        ValueError: the order gives numbers of another shape, or at a gap NaN or an infinite one.
    """
    rank = order(probs, generator)
    if rank.shape != tokens.shape or not bool(rank[tokens == mask_id].isfinite().all()):
        raise ValueError(
            f"an order gives a number for each of {tuple(tokens.shape)} positions, none of them "
            f"NaN or infinite where a token is hidden; got shape {tuple(rank.shape)}."
        )
    rank = rank.float().masked_fill(tokens != mask_id, -torch.inf)
    chosen = rank.topk(count, dim=1).indices  # (B, count)
    there = probs.gather(1, chosen[..., None].expand(-1, -1, probs.shape[-1]))  # (B, count, V)
    source = generator.device if generator is not None else probs.device
    flat = there.flatten(0, 1).to(source)
    drawn = torch.multinomial(flat, 1, generator=generator).view_as(chosen).to(tokens.device)
    return tokens.scatter(1, chosen, drawn)
