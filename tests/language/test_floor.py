"""The entropy of a grammar bounds the loss of every model from below, exactly."""

import math

import pytest
import torch

from course_utils import data, training
from course_utils.language import GPT, MLP, GPTConfig, NGram, next_token_loss

GRAMMAR = data.Grammar(
    {"text": "a <x> [2] | b <y> <y> | c <x> <y> [0.5]", "x": "d | e [3]", "y": "d | a <y> [0.3]"}
)


def sentences(prefix=(), prob=1.0):
    """All sentences of up to 12 tokens and their probabilities."""
    for token, p in GRAMMAR.next_token_probs(prefix).items():
        if token == data.END:
            yield prefix, prob * p
        elif len(prefix) < 12:
            yield from sentences((*prefix, token), prob * p)


ALL = list(sentences())
TOTAL = sum(p for _, p in ALL)
WORDS = (data.END, *GRAMMAR.vocabulary)  # the first one ends a sentence and begins the next
NUMBER = {word: number for number, word in enumerate(WORDS)}
V = len(WORDS)


def expected_loss(model):
    """Nats a sentence, on average over all of them, each with its end."""
    nats = 0.0
    for words, prob in ALL:
        tokens = torch.tensor([0, *(NUMBER[w] for w in words), 0])
        with torch.no_grad():
            logs = model(tokens[None, :-1])[0].double().log_softmax(-1)
        nats -= prob / TOTAL * logs.gather(1, tokens[1:, None]).sum().item()
    return nats


def floor():
    """Entropy of the sentences that are counted."""
    return -sum(p / TOTAL * math.log(p / TOTAL) for _, p in ALL)


def text(seed):
    said = [GRAMMAR.split(sentence) for sentence in GRAMMAR.sample(400, seed=seed)]
    return torch.tensor([NUMBER[word] for words in said for word in (data.END, *words)])


class Perfect(torch.nn.Module):
    """Says what the grammar says."""

    def forward(self, tokens):
        rows = []
        for end in range(tokens.shape[1]):
            prefix = [WORDS[i] for i in tokens[0, 1 : end + 1]]
            probs = torch.zeros(V, dtype=torch.float64)
            for token, p in GRAMMAR.next_token_probs(prefix).items():
                probs[NUMBER[token]] = p
            rows.append(probs.log())
        return torch.stack(rows)[None]


def gpt(seed, std=None, steps=0):
    torch.manual_seed(seed)
    model = GPT(GPTConfig(V, context_length=16, width=32))
    for p in model.parameters() if std else ():
        torch.nn.init.normal_(p, std=std)
    if steps:
        batches = data.Windows(text(seed), 16, 8, seed)
        optimizer = training.muon(model, 0.02)
        training.fit(model, batches, next_token_loss, num_steps=steps, optimizer=optimizer)
    return model.eval()


def mlp():
    torch.manual_seed(0)
    return MLP(V, num_previous=3)


MODELS = {
    "untrained": lambda: gpt(0),
    "random": lambda: gpt(1, std=0.3),
    "wild": lambda: gpt(2, std=1.0),
    "trained": lambda: gpt(0, steps=80),
    "mlp": mlp,
    "uniform": lambda: NGram(0, V),
    "bigram": lambda: NGram(2, V).fit(text(0)),
    "5-gram": lambda: NGram(5, V, strength=0.5).fit(text(1)),
}


def test_the_sentences_are_nearly_all_there_are():
    assert TOTAL > 0.999
    assert floor() == pytest.approx(GRAMMAR.entropy(), rel=0.02)


@pytest.mark.parametrize("name", MODELS)
def test_no_model_is_below_the_entropy(name):
    assert expected_loss(MODELS[name]()) > floor() + 1e-3


def test_the_grammar_itself_reaches_it_and_training_comes_near():
    assert expected_loss(Perfect()) == pytest.approx(floor(), abs=2e-3)
    untrained, trained = (expected_loss(MODELS[name]()) for name in ("untrained", "trained"))
    assert trained - floor() < 0.25 * (untrained - floor())
