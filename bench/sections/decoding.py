"""Tokens a second of generation with a key-value cache, and whether the cache changes the text."""

from __future__ import annotations

from typing import Any

import torch
from frame.clock import Clock
from frame.goals import Goal
from frame.machine import threads
from frame.turns import alternate
from peers import texts
from torch import nn

from course_utils import language
from course_utils.records import last

NUM_TOKENS, VOCAB_SIZE, ROUNDS = 240, 103, 5
LEAST = {1: 3.0, 16: 2.0, 64: 2.0}  # batch -> goal; the one of 16 is that of 64


@torch.no_grad()
def measure_section() -> dict[str, Any]:
    """All batch sizes, greedy; the course's GPT has 0.78 M weights, the peers 0.84 to 0.85 M."""
    threads()
    torch.manual_seed(0)
    peers = {name: kind(VOCAB_SIZE, 256) for name, kind in texts.PEERS.items()}
    model = language.GPT(language.GPTConfig(VOCAB_SIZE, context_length=256)).eval()
    for weight in model.parameters():  # it starts with zeros, and would repeat one token
        nn.init.normal_(weight, std=0.1)
    goals, details = [], {}
    for batch, least in LEAST.items():
        prompt = torch.randint(VOCAB_SIZE, (batch, 1))
        calls = {"ours": lambda prompt=prompt: generate(model, prompt)}
        calls |= {
            name: lambda peer=peer, prompt=prompt: peer.generate(prompt, NUM_TOKENS)
            for name, peer in peers.items()
        }
        speeds = {name: speed(call, batch) for name, call in calls.items()}
        found = alternate(speeds, ROUNDS if batch < 64 else 3)
        peer = max(peers, key=lambda name: found[name]["median"])
        ours, theirs = found["ours"]["median"], found[peer]["median"]
        goals.append(
            Goal.higher(f"decoding, batch {batch}: tokens a CPU s", ours, theirs, peer, least)
        )
        ratios = {name: ours / found[name]["median"] for name in peers}
        details[f"batch {batch}"] = {"tokens_per_second": found, "ratios": ratios}
    return {"goals": goals, "details": details | cache(model)}


def generate(model: nn.Module, prompt: torch.Tensor, use_cache: bool = True) -> torch.Tensor:
    """240 tokens more, greedy."""
    steps = language.sample(
        model, prompt, max_new_tokens=NUM_TOKENS, temperature=0, use_cache=use_cache
    )
    return last(steps).state


def speed(call: Any, batch: int) -> Any:
    """A function that generates once and returns tokens a CPU second."""

    def run() -> float:
        clock = Clock()
        with clock:
            call()
        return batch * NUM_TOKENS / clock.seconds

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
    steps = language.sample(model, prompt[:1], max_new_tokens=NUM_TOKENS, temperature=0)
    for clock in quarters:
        with clock:
            for _ in range(NUM_TOKENS // 4):
                next(steps)
    return {
        "same_text_as_without_cache": bool(torch.equal(text, reference)),
        "times_faster_than_without_cache": without.seconds / with_cache.seconds,
        "ms_a_token_by_quarter": [4000 * q.seconds / NUM_TOKENS for q in quarters],
    }
