"""Left to right between blocks, diffusion inside: the road between the two families.

Letters: B batch, T tokens, S of a block, D width, H heads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.language.inputs import check_batch, check_length
from course_utils.language.sampling import next_probs
from course_utils.layers import Block, KeyValues, check_sizes, rotations
from course_utils.masked.model import MaskedLM
from course_utils.masked.objective import even_counts, hide_tokens, surprise
from course_utils.masked.orders import Order, random_order
from course_utils.masked.sampling import unmask
from course_utils.records import SampleStep


def check_blocks(length: int, block_size: int) -> None:
    """Raise ValueError unless blocks of this size fill a text of this length."""
    check_sizes(block_size=block_size)
    if length % block_size:
        raise ValueError(
            f"blocks must fill the text: {length} tokens are no multiple of {block_size}. Fill the "
            "text up, or choose a divisor."
        )


def block_loss(model: MaskedLM, batch: Sequence[Tensor], *, block_size: int) -> Tensor:
    """The masked loss of each block, given the whole of those before it; nats a token.

    All blocks are trained in one pass: the network reads the hidden text and the whole text beside
    it. A hidden block sees itself and the whole blocks before it; a whole block sees itself and the
    whole ones before. With one block it is `masked_loss`; with blocks of one token, next-token
    prediction.

    Args:
        model: the network and its mask.
        batch: (tokens,), tokens (B, T) int64.
        block_size: S, divides T. partial(block_loss, block_size=8).

    Returns:
        () loss.

    Raises:
        ValueError: the blocks do not fill the text, or a token is the mask.

    Source: Arriola et al. 2025 (BD3-LM), section 3 and appendix B.6, arXiv:2503.09573.
    """
    (tokens,) = batch
    check_batch(tokens)
    check_blocks(tokens.shape[1], block_size)
    model.check_text(tokens)
    blocks = tokens.reshape(-1, block_size)  # (B blocks, S)
    count = even_counts(len(blocks), block_size, tokens.device)
    masked, hidden = (x.view_as(tokens) for x in hide_tokens(blocks, count, model.mask_id))
    losses = surprise(block_logits(model, masked, tokens, block_size), tokens) * hidden
    return (losses.view(-1, block_size).sum(1) / count).mean()


def block_logits(model: MaskedLM, masked: Tensor, tokens: Tensor, block_size: int) -> Tensor:
    """Logits (B, T, V) for masked (B, T), each block of which sees the whole tokens before it."""
    net, length = model.net, tokens.shape[1]
    check_length(length, net.context_length)
    x = torch.cat([net.read(masked), net.read(tokens)], dim=1)  # (B, 2 T, D)
    mask = visible_blocks(length, block_size, tokens.device)
    head_width = net.config.width // net.config.num_heads
    turns = rotations(length, head_width, like=net.embed.weight).repeat(2, 1)
    for block in net.blocks:
        assert isinstance(block, Block)
        q, k, v = block.attention.split(block.norm_attention(x), turns)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + block.attention.project(mixed.transpose(1, 2).flatten(2))
        x = x + block.mlp(block.norm_mlp(x))
    return model.without_mask(net.logits(net.norm(x[:, :length])))


def visible_blocks(length: int, block_size: int, device: torch.device | str = "cpu") -> Tensor:
    """(2 T, 2 T) True where a position may look: first the hidden text, then the whole one."""
    block = torch.arange(length, device=device) // block_size
    same, before = block[:, None] == block, block[:, None] > block
    hidden_sees = torch.cat([same, before], dim=1)
    whole_sees = torch.cat([torch.zeros_like(same), same | before], dim=1)
    return torch.cat([hidden_sees, whole_sees])


def sample_blocks(
    model: MaskedLM,
    num_texts: int,
    length: int,
    *,
    block_size: int,
    steps_per_block: int | None = None,
    order: Order = random_order,
    temperature: float = 1.0,
    use_cache: bool = True,
    generator: torch.Generator | None = None,
) -> Iterator[SampleStep[Tensor]]:
    """Write texts block after block, giving the state after each pass.

    Args:
        model: trained by `block_loss` with this block size.
        num_texts: B.
        length: T, a multiple of the block size.
        block_size: S.
        steps_per_block: passes in a block, from 1 to S; S if None.
        order: as in `masked.sample`.
        temperature: as there.
        use_cache: keys and values of finished blocks are kept; False reads them anew in each pass,
            with the same text.
        generator: as there.

    Returns:
        An iterator of `SampleStep`: state the tokens (B, T), hidden where nothing stands yet. Its
        calls count the passes over a block, and not the one that reads a finished block.

    Raises:
        ValueError: a setting is out of its range, or the text is longer than the context.
    """
    check_sizes(num_texts=num_texts, length=length)
    check_blocks(length, block_size)
    check_length(length, model.context_length)
    steps = block_size if steps_per_block is None else steps_per_block
    check_sizes(steps_per_block=steps)
    if steps > block_size:
        raise ValueError(f"a block of {block_size} takes at most {block_size} passes; got {steps}.")
    next_probs(torch.zeros(2), temperature)
    tokens = torch.full((num_texts, length), model.mask_id, device=model.net.embed.weight.device)
    return _write(model, tokens, block_size, steps, order, temperature, use_cache, generator)


@torch.no_grad()
def _write(
    model: MaskedLM,
    tokens: Tensor,
    block_size: int,
    steps: int,
    order: Order,
    temperature: float,
    use_cache: bool,
    generator: torch.Generator | None,
) -> Iterator[SampleStep[Tensor]]:
    calls, length = 0, tokens.shape[1]
    kept = [KeyValues(length) for _ in model.net.blocks]
    for start in range(0, length, block_size):
        part, left = slice(start, start + block_size), block_size
        for step in range(steps):
            calls += 1
            count = -(-left // (steps - step))
            if not use_cache:
                kept = [KeyValues(length) for _ in model.net.blocks]
                for old in range(0, start, block_size):
                    read_block(model, tokens[:, old : old + block_size], kept, keep=True)
            probs = next_probs(read_block(model, tokens[:, part], kept, keep=False), temperature)
            new = unmask(tokens[:, part], probs, count, order, model.mask_id, generator)
            tokens = torch.cat([tokens[:, :start], new, tokens[:, part.stop :]], dim=1)
            left -= count
            share = 1 - (start + block_size - left) / length
            yield SampleStep(calls=calls, t=share, state=tokens.clone(), prediction=probs)
        if use_cache:
            read_block(model, tokens[:, part], kept, keep=True)


def read_block(model: MaskedLM, tokens: Tensor, kept: list[KeyValues], *, keep: bool) -> Tensor:
    """Logits (B, S, V) of a block (B, S) that sees itself and what is kept.

    Args:
        model: the network and its mask.
        tokens: (B, S).
        kept: keys and values of the blocks before, one a layer.
        keep: True adds those of this block, which is then finished.
    """
    net, start = model.net, kept[0].size
    head_width = net.config.width // net.config.num_heads
    turns = rotations(start + tokens.shape[1], head_width, like=net.embed.weight)[start:]
    x = net.read(tokens, start)
    for block, cache in zip(net.blocks, kept, strict=True):
        assert isinstance(block, Block)
        q, k, v = block.attention.split(block.norm_attention(x), turns)
        k, v = cache.extend(k, v)
        if not keep:
            cache.size = start
        mixed = F.scaled_dot_product_attention(q, k, v)
        x = x + block.attention.project(mixed.transpose(1, 2).flatten(2))
        x = x + block.mlp(block.norm_mlp(x))
    return model.without_mask(net.logits(net.norm(x)))
