"""A small GPT that turns free wordings of a drawing request into captions, or refuses them.

It never sees a sentence, a pair of synonyms, a strange word or a scene that is held out:
`data.wordings`, `Scene.held_out`.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from course_utils.data import (
    Batches,
    Scene,
    placed_scenes,
    related_scenes,
    word_scene,
    word_strange,
)
from course_utils.data.wordings import letters, pick
from course_utils.language import GPT, GPTConfig, WordTokenizer, answer_loss
from course_utils.multimodal.parsing import SPECIAL, parsing_batch
from course_utils.recipes.recipe import Recipe
from course_utils.training import muon

NUM = 16_000


def texts(num: int = NUM, seed: int = 0) -> tuple[list[str], list[str | None]]:
    """Requests to learn from, and the caption of each, or None where it is to be refused.

    A quarter ask for what no caption says, half of those with a word of random letters. One in five
    has up to three random words before it or behind it that mean nothing: what is unknown is
    refused only where a colour, a thing or a place should stand.
    """
    generator = torch.Generator().manual_seed(seed)
    placed: list[Scene] = [scene for scene in placed_scenes() if not scene.held_out]
    related: list[Scene] = [scene for scene in related_scenes() if not scene.held_out]
    requests: list[str] = []
    captions: list[str | None] = []
    for index in range(num):
        if index % 4 == 0:
            made_up = index % 8 == 0
            requests.append(word_strange(made_up=made_up, generator=generator))
            captions.append(None)
        else:
            scene = pick(placed if index % 2 else related, generator)
            requests.append(word_scene(scene, generator=generator))
            captions.append(scene.caption)
        if torch.rand((), generator=generator) < 0.2:
            filler = " ".join(letters(generator) for _ in range(pick((1, 2, 3), generator)))
            filler += pick(("", " ,", " ."), generator)
            first = torch.rand((), generator=generator) < 0.5
            requests[-1] = f"{filler} {requests[-1]}" if first else f"{requests[-1]} {filler}"
    return requests, captions


@cache
def tokenizer() -> WordTokenizer:
    """The words of requests and captions; those of random letters are unknown."""
    generator = torch.Generator().manual_seed(1)
    scenes: list[Scene] = [*placed_scenes(), *related_scenes()]
    said = [word_scene(scene, generator=generator) for scene in scenes * 3]
    strange = [word_strange(generator=generator) for _ in range(600)]
    every = " ".join([*said, *strange, *(scene.caption for scene in scenes)])
    return WordTokenizer.train(every, unknown=True, special=SPECIAL)


def model() -> GPT:
    """The network: it sees up to 48 tokens, a request and its caption."""
    return GPT(GPTConfig(tokenizer().vocab_size, context_length=48, num_heads=4, width=80))


def batches(seed: int = 0) -> Batches:
    """16,000 requests, of 32 a batch."""
    tokens, answered = parsing_batch(tokenizer(), *texts(seed=seed))
    return Batches(tokens, answered, batch_size=32, seed=seed)


def loss(model: GPT, batch: tuple[Tensor, Tensor]) -> Tensor:
    """`answer_loss`, without the filling that no text of the batch needs."""
    tokens, answered = batch
    used = int(answered.any(0).nonzero().max()) + 1
    return answer_loss(model, (tokens[:, :used], answered[:, :used]))


RECIPE = Recipe(
    name="parser",
    model=model,
    batches=batches,
    loss=loss,
    optimizer=muon,  # at 0.02
    num_steps=2000,
)
