"""Trainings of lesson 15 whose scores are kept and not their weights.

Parsers of three seeds; painters that read free wordings themselves; one transformer with two losses
beside two of half its size. ``python -m course_utils.recipes.partners`` makes those missing in
``weights/partners.json``.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial

import torch
from torch import Tensor

from course_utils.data import (
    Batches,
    Scene,
    draw_scenes,
    placed_scenes,
    related_scenes,
    word_scene,
    word_strange,
)
from course_utils.diffusion import (
    Cosine,
    Denoiser,
    Guided,
    denoising_loss,
    dpm_solver_2m,
    sample,
    times_even_in_snr,
)
from course_utils.language import GPT
from course_utils.multimodal import (
    JointTransformer,
    TextEncoder,
    caption_loss,
    describe,
    encode_captions,
    joint_loss,
    parse,
    same_picture,
    score,
)
from course_utils.recipes import captions, painters, parser
from course_utils.recipes.recipe import WEIGHTS, load
from course_utils.records import last
from course_utils.training import fit, muon, train_steps

PATH = WEIGHTS / "partners.json"
SEEDS = (0, 1, 2)
MARKS = (300, 750, 1500)
NUM_READING, NUM_RIVAL, RIVAL_RATE = 6000, 900, 0.005  # steps; tuned on seed 100
LENGTH = 44  # words of the longest request
SIZES = {"one for both": (96, 16), "draws only": (64, 32), "writes only": (64, 32)}  # width, batch
Shares = dict[str, float]


def new_scenes() -> list[Scene]:
    """Scenes that no training has seen: 96 of one thing, each of 24 four times, then 64 of two."""
    return painters.groups()["new, one thing"] + painters.groups()["new, two things"][:64]


def requests(scenes: Sequence[Scene], seed: int, **options: bool) -> list[str]:
    """A wording of each scene."""
    generator = torch.Generator().manual_seed(seed)
    return [word_scene(scene, generator=generator, **options) for scene in scenes]


def share(values: Sequence[bool]) -> float:
    """Of those that are true."""
    return round(sum(values) / len(values), 4)


def parsed(model: GPT, seed: int) -> Shares:
    """How a parser does on scenes and wordings that are new, and on what it should refuse."""

    def right(scenes: Sequence[Scene], **options: bool) -> float:
        said = parse(model, parser.tokenizer(), requests(scenes, seed, **options))
        return share([same_picture(one, scene) for one, scene in zip(said, scenes, strict=True)])

    scenes = new_scenes()
    generator = torch.Generator().manual_seed(seed)
    strange = [word_strange(new=True, generator=generator) for _ in range(192)]
    said = parse(model, parser.tokenizer(), strange)
    return {
        "known wordings": right(scenes),
        "one thing": right(scenes[:96], new=True),
        "two things": right(scenes[96:], new=True),
        "one thing, new order": right(scenes[:96], new=True, new_order=True),
        "two things, new order": right(scenes[96:], new=True, new_order=True),
        "refused": share([one is None for one in said]),
    }


def make_parser(seed: int) -> Iterator[tuple[int, Shares]]:
    """A parser of another seed."""
    torch.manual_seed(seed)
    model, steps = parser.model(), parser.RECIPE.num_steps
    fit(model, parser.batches(seed), parser.loss, num_steps=steps, optimizer=muon(model))
    yield steps, parsed(model.eval(), 10 + seed)


def encode_requests(texts: Sequence[str]) -> Tensor:
    """Requests as tokens (N, 44) for a painter that reads them itself."""
    return encode_captions(parser.tokenizer(), texts, LENGTH)


def reader_of_requests() -> Denoiser:
    """The painter with a text encoder for requests, that begins as that of captions.

    Its blocks are copied, and so are the vectors of all words that captions have, too.
    """
    painter = copy.deepcopy(load("shapes"))
    assert isinstance(painter, Denoiser)
    old, words = painter.net.get_submodule("text"), captions.tokenizer()
    assert isinstance(old, TextEncoder)
    text = TextEncoder(parser.tokenizer().vocab_size, old.width, len(old.blocks))
    weights = old.state_dict()
    embed = text.embed.weight.detach().clone()
    for place, word in enumerate(parser.tokenizer().tokens):
        if word in words.tokens:
            embed[place] = weights["embed.weight"][words.tokens.index(word)]
    embed[-1] = weights["embed.weight"][-1]
    text.load_state_dict({**weights, "embed.weight": embed})
    painter.net.add_module("text", text)
    return painter


def vector_loss(text: TextEncoder, batch: Sequence[Tensor]) -> Tensor:
    """How far the vector of a request is from that of its caption."""
    asked, wanted = batch
    return (text(asked).vector - wanted).square().mean()


def reading_loss(model: Denoiser, batch: Sequence[Tensor]) -> Tensor:
    """The denoising loss, plus how far the vector of a request is from that of its caption.

    So the encoder is told, as a parser is, which caption a request means.
    """
    images, asked, wanted = batch
    text = model.net.get_submodule("text")
    assert isinstance(text, TextEncoder)
    return denoising_loss(model, (images, asked), drop=0.1) + vector_loss(text, (asked, wanted))


def make_rival(seed: int) -> Iterator[tuple[int, Shares]]:
    """A painter whose text encoder has learned free wordings; the U-Net stays as it is.

    It sees the wordings of the parser. First the encoder learns alone to say of a request what the
    old one says of its caption, then with the drawing.
    """
    torch.manual_seed(seed)
    model = reader_of_requests()
    texts, meant = parser.texts(seed=seed)
    every: list[Scene] = [*placed_scenes(), *related_scenes()]
    known = {scene.caption: scene for scene in every}
    rows = [(text, known[c]) for text, c in zip(texts, meant, strict=True) if c is not None]
    asked, scenes = [row[0] for row in rows], [row[1] for row in rows]
    old = load("shapes").get_submodule("net.text")
    wanted, generator = old(captions.encode(scenes)).vector.detach(), torch.Generator()
    generator.manual_seed(seed)
    images, tokens = draw_scenes(scenes, generator=generator), encode_requests(asked)
    text = model.net.get_submodule("text").requires_grad_(True)
    reading = Batches(tokens, wanted, batch_size=32, seed=seed)
    fit(text, reading, vector_loss, num_steps=NUM_READING, optimizer=muon(text))
    drawing = Batches(images, tokens, wanted, batch_size=32, seed=seed)
    fit(model, drawing, reading_loss, num_steps=NUM_RIVAL, optimizer=muon(model, RIVAL_RATE))
    model.eval()
    scenes = new_scenes()
    found: Shares = {}
    for name, new in (("known wordings", False), ("new wordings", True)):
        images = paint_requests(model, encode_requests(requests(scenes, 10 + seed, new=new)), seed)
        scores = score(scenes, images)
        found[f"{name}, one thing"] = share(scores.right[:96].tolist())
        found[f"{name}, two things"] = share(scores.right[96:].tolist())
        found[f"{name}, relation"] = share(scores.place[96:].tolist())
    yield NUM_RIVAL, found


def paint_requests(model: Denoiser, tokens: Tensor, seed: int = 0) -> Tensor:
    """Draw what tokens (N, L) say, as `painters.paint` does; (N, 3, 16, 16)."""
    steps = sample(
        Guided(model, 2.0),
        (len(tokens), 3, 16, 16),
        step=dpm_solver_2m(),
        times=times_even_in_snr(model.schedule, 10),
        cond=tokens.to(next(model.parameters()).device),
        clip=1.0,
        generator=torch.Generator().manual_seed(seed),
    )
    return last(steps).state


def joint_model(name: str) -> Denoiser:
    """One transformer, of the size that `SIZES` says."""
    net = JointTransformer(captions.tokenizer().vocab_size, width=SIZES[name][0])
    return Denoiser(net, Cosine(), predicts="v")


LOSSES: Mapping[str, Callable[..., Tensor]] = {
    "one for both": joint_loss,
    "draws only": partial(denoising_loss, drop=0.1),
    "writes only": caption_loss,
}


def make_joint(name: str, seed: int) -> Iterator[tuple[int, Shares]]:
    """One of the three; all see seen captions only. One for both has half the examples a step."""
    torch.manual_seed(seed)
    model = joint_model(name)
    batches = captions.pairs(SIZES[name][1], seed)
    optimizer = muon(model)
    steps = train_steps(model, batches, LOSSES[name], num_steps=MARKS[-1], optimizer=optimizer)
    for record in steps:
        if record.step in MARKS:
            model.eval()
            state = torch.get_rng_state()
            yield record.step, tried(model, name, seed)
            torch.set_rng_state(state)
            model.train()


def tried(model: Denoiser, name: str, seed: int) -> Shares:
    """The shares of drawings and of captions that are right, in the groups of lesson 12."""
    found: Shares = {}
    for group, scenes in painters.groups().items():
        if name != "writes only":
            scores = score(scenes, painters.paint(model, scenes, seed=seed))
            found |= {f"draws {group}": share(scores.right.tolist())}
            found |= {f"places {group}": share(scores.place.tolist())}
        if name != "draws only":
            images = draw_scenes(scenes, generator=torch.Generator().manual_seed(20 + seed))
            said = describe(model, captions.tokenizer(), images)
            right = [same_picture(one, scene) for one, scene in zip(said, scenes, strict=True)]
            found |= {f"writes {group}": share(right)}
    return found


MAKERS: Mapping[str, Callable[[int], Iterator[tuple[int, Shares]]]] = {
    "parser": make_parser,
    "wordings straight in": make_rival,
} | {name: partial(make_joint, name) for name in SIZES}


@cache
def recorded() -> dict[tuple[str, int], dict[int, Shares]]:
    """(training, seed) -> steps -> what was measured -> share."""
    kept = json.loads(PATH.read_text(encoding="utf-8")) if PATH.exists() else []
    return {
        (row["training"], row["seed"]): {int(step): found for step, found in row["steps"].items()}
        for row in kept
    }


def main() -> None:
    """Make the trainings that are not kept yet."""
    torch.set_num_threads(1)
    for seed in SEEDS:
        for name in MAKERS:
            recorded.cache_clear()
            if (name, seed) in recorded():
                continue
            started = time.process_time()
            found = {**recorded(), (name, seed): dict(MAKERS[name](seed))}
            rows = [
                json.dumps({"training": key[0], "seed": key[1], "steps": found[key]})
                for key in ((name, seed) for name in MAKERS for seed in SEEDS)
                if key in found
            ]
            PATH.write_text("[\n" + ",\n".join(rows) + "\n]\n", encoding="utf-8")
            print(name, seed, found[name, seed], f"{time.process_time() - started:.0f} s")


if __name__ == "__main__":
    main()
