"""Our filters and transformers' processors and warpers, on the same random logits.

Skipped where transformers is not installed; `make bench` runs it in its own environment.
"""

import importlib.util

import pytest
import torch

from course_utils.language import (
    Choice,
    keep_min_p,
    keep_top_k,
    keep_top_p,
    penalise_repetition,
    scale_temperature,
)

if not importlib.util.find_spec("transformers"):
    pytest.skip("needs transformers: run make bench", allow_module_level=True)

from transformers.generation import logits_process as theirs

TOKENS = torch.randint(50, (40, 12), generator=torch.Generator().manual_seed(1))
SPREADS = (0.3, 2.0, 10.0)  # nearly even, like a language model, nearly certain


def random_logits(spread):
    return spread * torch.randn(40, 50, generator=torch.Generator().manual_seed(0))


PAIRS = {
    "temperature 0.3": (lambda x: scale_temperature(x, 0.3), theirs.TemperatureLogitsWarper(0.3)),
    "temperature 2": (lambda x: scale_temperature(x, 2.0), theirs.TemperatureLogitsWarper(2.0)),
    "top-k 1": (lambda x: keep_top_k(x, 1), theirs.TopKLogitsWarper(1)),
    "top-k 9": (lambda x: keep_top_k(x, 9), theirs.TopKLogitsWarper(9)),
    "top-p 0.1": (lambda x: keep_top_p(x, 0.1), theirs.TopPLogitsWarper(0.1)),
    "top-p 0.9": (lambda x: keep_top_p(x, 0.9), theirs.TopPLogitsWarper(0.9)),
    "top-p 0.999": (lambda x: keep_top_p(x, 0.999), theirs.TopPLogitsWarper(0.999)),
    "min-p 0.05": (lambda x: keep_min_p(x, 0.05), theirs.MinPLogitsWarper(0.05)),
    "min-p 0.5": (lambda x: keep_min_p(x, 0.5), theirs.MinPLogitsWarper(0.5)),
    "penalty 1.3": (
        lambda x: penalise_repetition(x, TOKENS, 1.3),
        theirs.RepetitionPenaltyLogitsProcessor(1.3),
    ),
    "penalty 0.7": (
        lambda x: penalise_repetition(x, TOKENS, 0.7),
        theirs.RepetitionPenaltyLogitsProcessor(0.7),
    ),
}


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("name", PAIRS)
def test_the_same_logits(name, spread):
    ours, processor = PAIRS[name]
    logits = random_logits(spread)
    torch.testing.assert_close(ours(logits), processor(TOKENS, logits.clone()), rtol=0, atol=0)


@pytest.mark.parametrize("spread", SPREADS)
def test_all_of_them_in_the_same_order(spread):
    logits = random_logits(spread)
    chain = theirs.LogitsProcessorList(
        [
            theirs.RepetitionPenaltyLogitsProcessor(1.2),
            theirs.TemperatureLogitsWarper(0.8),
            theirs.TopKLogitsWarper(20),
            theirs.TopPLogitsWarper(0.9),
            theirs.MinPLogitsWarper(0.02),
        ]
    )
    choice = Choice(repetition_penalty=1.2, temperature=0.8, top_k=20, top_p=0.9, min_p=0.02)
    torch.testing.assert_close(choice.logits(logits, TOKENS), chain(TOKENS, logits), rtol=0, atol=0)
