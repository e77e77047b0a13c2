"""Time to quality on text: Python's documentation by characters, and the grammar by words.

The recipes were tuned with the last tenth of the documentation in sight, so here it is trained on,
and the first ninth of what was trained on then is held out. The stories are new ones too.
"""

from __future__ import annotations

from typing import Any

import torch
from frame.clock import train
from frame.goals import Goal
from frame.machine import matrix_speed
from frame.process import in_process
from frame.race import level, on_all_seeds, race
from frame.turns import side_by_side
from peers.ours import Writer
from peers.text_recipe import TAUGHT, WITH_ADAMW
from peers.texts import PEERS
from torch import Tensor

from course_utils import data, language
from course_utils.measure import count_parameters


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
    torch.set_num_threads(1)
    speed = matrix_speed()
    tokens, held_out, vocab_size = corpus(text)
    torch.manual_seed(seed)
    trainee = ({"ours": Writer} | PEERS | TAUGHT | WITH_ADAMW)[name](vocab_size)
    windows = data.Windows(tokens, 128, trainee.batch_size, seed)

    def loss() -> float:
        trainee.net.eval()
        found = language.text_loss(trainee.logits, held_out, context_length=128)
        trainee.net.train()
        return found

    rows = train(lambda index, share: trainee.step(windows[index][0], share), loss, budget, [])
    return {
        "rows": rows,
        "parameters": count_parameters(trainee.net),
        "matrix_gflops": speed / 1e9,
    }


def compare(text: str) -> tuple[list[Goal], dict[str, Any]]:
    """Both peers for 120 s, then ours for as long as the better one's loss takes.

    That compares recipe, optimizer and code at once. Then the same climb for each peer's network
    under our whole recipe, and for ours with AdamW: what each of the three is worth.
    """

    def train_one(**options: Any) -> dict[str, Any]:
        return in_process("sections.text", "run", {"text": text, **options})[0]

    goal, found = race(
        f"text, {text}: CPU s to the loss of the best peer", train_one, list(PEERS), 3.0
    )
    fair, same_recipe = level(
        f"text, {text}: CPU s to that loss, peers by our recipe",
        train_one,
        list(TAUGHT),
        found["target"],
        found["ours_seconds"],
        1.5,
    )
    adamw = {name: on_all_seeds(name, train_one, found["target"]) for name in WITH_ADAMW}
    return [goal, fair], found | {
        "by our recipe": same_recipe,
        "by another optimizer": {"reached": adamw},
    }


def measure_section() -> dict[str, Any]:
    """Both texts, side by side; the goals are three times faster, and 1.5 times by one recipe."""
    found = side_by_side(compare, ("documentation", "grammar"))
    return {
        "goals": [goal for goals, _ in found.values() for goal in goals],
        "details": {text: details for text, (_, details) in found.items()},
    }
