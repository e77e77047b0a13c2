"""Ways to write a short story with one network: left to right, in blocks, by diffusion.

The language is `data.short_stories()`. It says 5,184 stories; filled up with line breaks each is a
text of 20 tokens, so all is known of it. Letters: B batch, T tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.data import Batches, short_stories
from course_utils.data.text import TREASURES
from course_utils.language import GPT, GPTConfig, WordTokenizer, next_token_loss, sample
from course_utils.masked import (
    ExactMaskedLM,
    MaskedLM,
    block_loss,
    masked_loss,
    random_order,
    sample_blocks,
)
from course_utils.masked import sample as unmask
from course_utils.masked.orders import Order
from course_utils.records import last
from course_utils.training import Loss

LENGTH = 20
END = 0  # a line break, the first word
WAYS: Mapping[str, int] = {"left to right": 1, "blocks of 2": 2, "blocks of 5": 5, "diffusion": 20}
MASK = 41


@cache
def tokenizer() -> WordTokenizer:
    """The words of the stories, and a line break."""
    return WordTokenizer(("\n", *short_stories().vocabulary))


@cache
def language() -> tuple[Tensor, Tensor]:
    """All texts (5184, 20), and how likely each is (5184,)."""
    known = short_stories().sentences()
    texts = torch.full((len(known), LENGTH), END)
    for row, story in zip(texts, known, strict=True):
        tokens = tokenizer().encode(story)
        row[: len(tokens)] = tokens
    return texts, torch.tensor(list(known.values()))


def exact() -> ExactMaskedLM:
    """The masked model that knows the language."""
    return ExactMaskedLM(*language(), MASK)


def said(num_texts: int, seed: int) -> Tensor:
    """Texts (num_texts, 20), each as often as the language says it."""
    texts, probs = language()
    generator = torch.Generator().manual_seed(seed)
    return texts[torch.multinomial(probs, num_texts, replacement=True, generator=generator)]


def is_text(tokens: Tensor) -> Tensor:
    """(B,) True where all 20 tokens are one of the texts, the line breaks at the end included."""
    known = _known()
    return torch.tensor([tuple(row) in known for row in tokens.tolist()])


def true_log_probs(texts: Tensor) -> Tensor:
    """(B,) log p of texts (B, 20) of the language."""
    return torch.tensor([_known()[tuple(row)] for row in texts.tolist()]).log()


@cache
def _known() -> dict[tuple[int, ...], float]:
    texts, probs = language()
    return {tuple(row): prob for row, prob in zip(texts.tolist(), probs.tolist(), strict=True)}


def network(causal: bool, width: int = 96) -> GPT:
    """The one network, untrained: 224,000 weights, and 1,800 more if each place has a vector."""
    return GPT(GPTConfig(MASK + 1, LENGTH, num_heads=4, width=width, causal=causal))


def model(way: str, seed: int = 0, width: int = 96) -> nn.Module:
    """The untrained network of a way of `WAYS`."""
    torch.manual_seed(seed)
    causal = WAYS[way] == 1
    return network(causal, width) if causal else MaskedLM(network(causal, width), MASK)


def batches(way: str, seed: int = 0) -> Batches:
    """20,000 texts, 64 at a time; left to right, a line break stands before each."""
    texts = said(20_000, seed)
    if WAYS[way] == 1:
        texts = torch.cat([torch.full((len(texts), 1), END), texts], dim=1)
    return Batches(texts, batch_size=64, seed=seed)


def loss(way: str) -> Loss:
    """What a way is trained on."""
    if WAYS[way] == 1:
        return next_token_loss
    return masked_loss if way == "diffusion" else partial(block_loss, block_size=WAYS[way])


def write(
    model: Any,
    way: str,
    num_texts: int,
    passes: int = LENGTH,
    order: Order = random_order,
    seed: int = 0,
) -> Tensor:
    """Texts (num_texts, 20) in so many passes; left to right takes one for each token.

    Raises:
        ValueError: a way of blocks cannot write in so many passes, the same number for each block.
    """
    blocks_of_text = LENGTH // WAYS[way]
    if passes % blocks_of_text:
        raise ValueError(
            f"{way} writes {blocks_of_text} blocks, each in as many passes; got {passes} for all. "
            f"Take a multiple of {blocks_of_text}."
        )
    generator = torch.Generator().manual_seed(seed)
    device = next(iter(model.state_dict().values())).device
    if WAYS[way] == 1:
        start = torch.full((num_texts, 1), END, device=device)
        steps = sample(model, start, max_new_tokens=LENGTH, generator=generator)
        return last(steps).state[:, 1:]
    if way == "diffusion":
        gaps = torch.full((num_texts, LENGTH), MASK, device=device)
        return last(unmask(model, gaps, num_steps=passes, order=order, generator=generator)).state
    size = WAYS[way]
    blocks = sample_blocks(
        model,
        num_texts,
        LENGTH,
        block_size=size,
        steps_per_block=passes * size // LENGTH,
        order=order,
        generator=generator,
    )
    return last(blocks).state


@torch.no_grad()
def log_probs(model: Any, texts: Tensor) -> Tensor:
    """(B,) log p of texts (B, 20) by a model that goes left to right."""
    inputs = torch.cat([torch.full_like(texts[:, :1], END), texts[:, :-1]], dim=1)
    logs: Tensor = model(inputs).log_softmax(-1)
    return logs.gather(2, texts[..., None]).sum((1, 2))


@cache
def treasures() -> Tensor:
    """(8,) the tokens of the treasures; each story names one twice."""
    return torch.cat([tokenizer().encode(word) for word in TREASURES])


def treasure_at(texts: Tensor) -> Tensor:
    """(B,) where a treasure is named for the first time."""
    return torch.isin(texts, treasures().to(texts.device)).int().argmax(1)


def fill_seen(model: Any, texts: Tensor, generator: torch.Generator) -> Tensor:
    """Texts (B, 20) whose first treasure is hidden, and found by a model that sees both sides."""
    gaps = texts.scatter(1, treasure_at(texts)[:, None], MASK)
    return last(unmask(model, gaps, generator=generator)).state


def fill_blind(model: Any, texts: Tensor, generator: torch.Generator) -> Tensor:
    """Texts whose first treasure is written anew by a model that sees only what is before it."""
    filled, places = texts.clone(), treasure_at(texts)
    for place in places.unique().tolist():
        rows = places == place
        before = torch.cat([torch.full_like(texts[rows, :1], END), texts[rows, :place]], dim=1)
        written = last(sample(model, before, max_new_tokens=1, generator=generator)).state
        filled[rows, place] = written[:, -1]
    return filled


def fill_weighed(model: Any, texts: Tensor, generator: torch.Generator) -> Tensor:
    """The same, but each of the eight treasures is tried, and the whole text read.

    One is drawn, each as often as it makes the whole likely: what Bayes' rule says.
    """
    places = treasure_at(texts)[:, None]
    tried = torch.stack([texts.scatter(1, places, int(word)) for word in treasures()])  # (8, B, T)
    weights = log_probs(model, tried.flatten(0, 1)).view(len(tried), -1).softmax(0)
    drawn = torch.multinomial(weights.T.cpu(), 1, generator=generator)[:, 0]
    return tried[drawn, torch.arange(len(texts))]
