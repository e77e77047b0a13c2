"""Time to quality on text: Python's documentation by characters, and the grammar by words.

The recipes were tuned with the last tenth of the documentation in sight, so here it is trained on,
and the first ninth of what was trained on then is held out. The stories are new ones too.
"""

from __future__ import annotations

from typing import Any

import torch
from clock import train
from common import Goal, in_process, matrix_speed, side_by_side
from peers.texts import PEERS
from torch import Tensor

from course_utils import data, language
from course_utils.measure import count_parameters

BUDGET = 120.0
SEEDS = (0, 1, 2)  # the models were tuned on seed 100
LADDER = (6.0, 9.0, 13.0, 20.0, 30.0, 45.0, 70.0, 100.0)


def corpus(name: str) -> tuple[Tensor, Tensor, int]:
    """Tokens to train on, held-out tokens, and the size of the vocabulary."""
    if name == "documentation":
        known, tuning = data.split_text(data.python_docs())
        held_out, rest = data.split_text(known, validation_share=8 / 9)
        parts = (rest + tuning, held_out)
        tokenizer: Any = language.CharTokenizer.train("".join(parts))
    else:
        stories = data.stories()
        parts = tuple("".join(stories.sample(n, seed=s)) for n, s in ((10_000, 2), (500, 3)))
        tokenizer = language.WordTokenizer.train(parts[0])
    return (*(tokenizer.encode(part) for part in parts), tokenizer.vocab_size)


def run(name: str, text: str, seed: int, budget: float) -> dict[str, Any]:
    """Train one for a budget and look at its loss, in nats a token, on held-out text."""
    from ours import Writer

    torch.set_num_threads(1)
    speed = matrix_speed()
    tokens, held_out, vocab_size = corpus(text)
    torch.manual_seed(seed)
    trainee = (PEERS | {"ours": Writer})[name](vocab_size)
    windows = data.Windows(tokens, 128, trainee.batch_size, seed)

    def loss() -> float:
        trainee.net.eval()
        found = language.text_loss(trainee.logits, held_out, context_length=128)
        trainee.net.train()
        return found

    rows = train(lambda index, share: trainee.step(windows[index], share), loss, budget, [])
    return {
        "rows": rows,
        "parameters": count_parameters(trainee.net),
        "matrix_gflops": speed / 1e9,
    }


def time_to(target: float, text: str, seed: int, start: float) -> tuple[float, float]:
    """The smallest budget of the ladder that brings ours to the target: CPU seconds and loss."""
    for budget in (rung for rung in LADDER if rung >= start):
        arguments = dict(name="ours", text=text, seed=seed, budget=budget)
        result, _ = in_process("text", "run", arguments)
        seconds, loss, _ = result["rows"][-1]
        if loss <= target:
            break
    return seconds, loss


def compare(text: str) -> tuple[Goal, dict[str, Any]]:
    """Both peers for 120 s, then ours for as long as the better one's loss takes."""
    runs = {
        name: in_process("text", "run", dict(name=name, text=text, seed=SEEDS[0], budget=BUDGET))[0]
        for name in PEERS
    }
    peer = min(PEERS, key=lambda name: runs[name]["rows"][-1][1])
    needed, target, _ = runs[peer]["rows"][-1]
    times = [time_to(target, text, SEEDS[0], 0.0)]
    start = 0.7 * times[0][0]  # the other seeds begin a rung or two below
    times += [time_to(target, text, seed, start) for seed in SEEDS[1:]]
    seconds = sorted(time for time, _ in times)
    goal = Goal.lower(
        f"text, {text}: CPU s to the loss of the best peer", seconds[1], needed, peer, 3.0
    )
    return goal, {"runs": runs, "target": target, "ours_seconds": seconds, "ours_reached": times}


def measure_section() -> dict[str, Any]:
    """Both texts, side by side; the goal is three times faster."""
    found = side_by_side(compare, ("documentation", "grammar"))
    return {
        "goals": [goal for goal, _ in found.values()],
        "details": {text: details for text, (_, details) in found.items()},
    }
