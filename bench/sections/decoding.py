"""Tokens a second of generation with a key-value cache, and whether the cache changes the text."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from frame.clock import Clock
from frame.goals import Goal
from frame.machine import threads
from frame.turns import alternate
from peers import texts
from torch import nn

from course_utils import language
from course_utils.records import last

VOCAB_SIZE, CONTEXT, ROUNDS = 103, 256, 5
# Batch, and tokens of the prompt; as many follow as make a text of 241.
CASES = [(batch, prompt) for prompt in (1, 100) for batch in (1, 16, 64)]
LENGTH, LEAST = 241, 3.0


@torch.no_grad()
def measure_section() -> dict[str, Any]:
    """All batch sizes, greedy; the course's GPT has 0.78 M weights, the peers 0.84 to 0.85 M."""
    threads()
    torch.manual_seed(0)
    peers = {name: kind(VOCAB_SIZE, CONTEXT) for name, kind in texts.PEERS.items()}
    model = language.GPT(language.GPTConfig(VOCAB_SIZE, context_length=CONTEXT)).eval()
    for weight in model.parameters():  # it starts with zeros, and would repeat one token
        nn.init.normal_(weight, std=0.1)
    goals, details = [], {}
    for batch, length in CASES:
        prompt, new = torch.randint(VOCAB_SIZE, (batch, length)), LENGTH - length
        calls = {
            "ours": partial(generate, model, prompt, new),
            "our products alone": partial(products, model, prompt, new),
        } | {name: partial(peer.generate, prompt, new) for name, peer in peers.items()}
        speeds = {name: speed(call, batch * new) for name, call in calls.items()}
        found = alternate(speeds, ROUNDS if batch < 64 else 3)
        peer = max(peers, key=lambda name: found[name]["median"])
        ours, theirs = found["ours"]["median"], found[peer]["median"]
        name = f"batch {batch}, prompt of {length}"
        goals.append(Goal.higher(f"decoding, {name}: tokens a CPU s", ours, theirs, peer, LEAST))
        details[name] = {
            "tokens_per_second": found,
            "ratios": {name: ours / found[name]["median"] for name in peers},
            "limit": found["our products alone"]["median"] / theirs,
        }
    return {"goals": goals, "details": details | cache(model)}


def generate(
    model: nn.Module, prompt: torch.Tensor, num: int = LENGTH - 1, use_cache: bool = True
) -> torch.Tensor:
    """`num` tokens more, greedy."""
    steps = language.sample(model, prompt, max_new_tokens=num, temperature=0, use_cache=use_cache)
    return last(steps).state


@torch.inference_mode()
def products(model: language.GPT, prompt: torch.Tensor, num: int) -> None:
    """What no decoder with these weights can leave out: its products and its looks at the keys.

    No embedding, norm, residual, position, cache that is written, or choice. What it takes is the
    limit of how fast the same weights could decode in torch.
    """
    config, (batch, length) = model.config, prompt.shape
    linear = [part for part in model.modules() if isinstance(part, nn.Linear)]
    kept = torch.randn(batch, config.num_heads, CONTEXT, config.width // config.num_heads)
    for read in range(length, length + num):
        seen = length if read == length else 1  # the prompt is read at once
        inputs = {
            width: torch.randn(batch, seen, width) for width in {p.in_features for p in linear}
        }
        for part in linear:
            part(inputs[part.in_features])
        for _ in model.blocks:
            keys = kept[:, :, :read]
            F.scaled_dot_product_attention(kept[:, :, :seen], keys, keys, is_causal=seen > 1)


def speed(call: Any, tokens: int) -> Any:
    """A function that generates once and returns tokens a CPU second."""

    def run() -> float:
        clock = Clock()
        with clock:
            call()
        return tokens / clock.seconds

    call()
    return run


def cache(model: nn.Module) -> dict[str, Any]:
    """The same text without the cache, what the cache saves, and how a token's time grows."""
    prompt = torch.randint(VOCAB_SIZE, (4, 1))
    with_cache, without = Clock(), Clock()
    with with_cache:
        text = generate(model, prompt)
    with without:
        reference = generate(model, prompt, use_cache=False)
    quarters = [Clock() for _ in range(4)]
    steps = language.sample(model, prompt[:1], max_new_tokens=LENGTH - 1, temperature=0)
    for clock in quarters:
        with clock:
            for _ in range(LENGTH // 4):
                next(steps)
    return {
        "same_text_as_without_cache": bool(torch.equal(text, reference)),
        "times_faster_than_without_cache": without.seconds / with_cache.seconds,
        "ms_a_token_by_quarter": [4000 * q.seconds / (LENGTH - 1) for q in quarters],
    }
