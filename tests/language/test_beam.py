"""Beam search against exhaustive search, greedy search, and the prompts alone."""

import itertools
import math

import pytest
import torch

from course_utils.language import GPT, GPTConfig, beam_search, sample
from course_utils.records import last

LENGTH = 4


def awake_gpt(vocab_size=3, context_length=12):
    torch.manual_seed(0)
    sizes = dict(context_length=context_length, num_layers=2, num_heads=2, width=16)
    model = GPT(GPTConfig(vocab_size, **sizes))
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.5)
    return model


@torch.no_grad()
def exhaustive(model, prompt, stop=None):
    """All texts of up to LENGTH more tokens with their log-probability, the likeliest first."""
    found = {}
    for more in itertools.product(range(3), repeat=LENGTH):
        if stop in more:
            more = more[: more.index(stop) + 1]
        text = torch.tensor([[*prompt, *more]])
        logs = model(text).log_softmax(-1)[0, len(prompt) - 1 : -1]
        padded = more + (stop,) * (LENGTH - len(more))
        found[padded] = float(logs.gather(1, text[0, len(prompt) :, None]).sum())
    return sorted(found.items(), key=lambda pair: -pair[1])


@pytest.mark.parametrize("use_cache", [True, False])
@pytest.mark.parametrize("stop", [None, 1])
def test_full_width_is_exhaustive_search(stop, use_cache):
    model, prompts = awake_gpt(), [[0, 2, 1], [2, 2, 0]]
    steps = beam_search(
        model,
        torch.tensor(prompts),
        width=3**LENGTH,
        max_new_tokens=LENGTH,
        stop=stop,
        use_cache=use_cache,
    )
    final = last(steps)
    for prompt, texts, scores in zip(prompts, final.state, final.prediction, strict=True):
        expected = exhaustive(model, prompt, stop)
        possible = torch.isfinite(scores)
        assert int(possible.sum()) == len(expected)
        assert texts[possible, 3:].tolist() == [list(more) for more, _ in expected]
        torch.testing.assert_close(scores[possible], torch.tensor([s for _, s in expected]))


def test_greedy_takes_the_bait_and_two_beams_do_not():
    table = torch.tensor(  # 1 is likelier than 2 now, but what follows 2 is certain
        [[0.0, 0.6, 0.4, 0.0], [0.25, 0.25, 0.25, 0.25], [0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 1.0]]
    )
    bait = lambda tokens: table.log()[tokens]  # noqa: E731
    prompt = torch.tensor([[0]])
    one, two = (last(beam_search(bait, prompt, width=w, max_new_tokens=2)) for w in (1, 2))
    assert one.state[0, 0, :2].tolist() == [0, 1]
    assert two.state[0, 0].tolist() == [0, 2, 3]
    torch.testing.assert_close(two.prediction[0, 0].exp(), torch.tensor(0.4))


def test_one_beam_is_greedy_past_the_context_too():
    model, prompt = awake_gpt(7), torch.tensor([[1, 2, 3], [6, 0, 1]])
    beam = last(beam_search(model, prompt, width=1, max_new_tokens=20)).state[:, 0]
    assert torch.equal(beam, last(sample(model, prompt, max_new_tokens=20, temperature=0)).state)


@pytest.mark.parametrize("use_cache", [True, False])
def test_prompts_of_unequal_length_are_searched_as_if_alone(use_cache):
    model = awake_gpt(7)
    prompts = [[1, 2, 3], [4]]
    tokens = torch.tensor([[1, 2, 3], [0, 0, 4]])
    mask = torch.tensor([[True] * 3, [False, False, True]])
    settings = dict(width=4, max_new_tokens=15)
    both = last(beam_search(model, tokens, mask=mask, use_cache=use_cache, **settings))
    for row, prompt in enumerate(prompts):
        alone = last(beam_search(model, torch.tensor([prompt]), **settings))
        assert torch.equal(both.state[row, :, 3 - len(prompt) :], alone.state[0])
        torch.testing.assert_close(both.prediction[row], alone.prediction[0])


def test_an_ended_text_keeps_its_probability_and_the_loop_ends():
    stop_at_once = lambda tokens: torch.tensor([0.6, 0.3, 0.1]).log().expand(*tokens.shape, 3)  # noqa: E731
    steps = list(beam_search(stop_at_once, torch.tensor([[2]]), width=1, max_new_tokens=9, stop=0))
    assert len(steps) == 1
    assert steps[0].t == 0
    two = last(beam_search(stop_at_once, torch.tensor([[2]]), width=2, max_new_tokens=3, stop=0))
    assert two.state.tolist() == [[[2, 0, 0], [2, 1, 0]]]
    torch.testing.assert_close(two.prediction.exp(), torch.tensor([[0.6, 0.18]]))


def test_earlier_states_stay_what_they_were():
    model = awake_gpt()
    for step in beam_search(model, torch.tensor([[1]]), width=3, max_new_tokens=6):
        copies = step.state.clone(), step.prediction.clone()
        step.state.zero_()
        step.prediction.zero_()
    again = last(beam_search(model, torch.tensor([[1]]), width=3, max_new_tokens=6))
    assert torch.equal(again.state, copies[0])
    assert torch.equal(again.prediction, copies[1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(width=0), "width must be a whole number, at least 1; got 0"),
        (dict(width=2, max_new_tokens=0), "max_new_tokens.*got 0"),
        (dict(width=2, stop=9), r"stop must lie in 0 \.\.\. 2; got 9"),
        (dict(width=2, prompt=torch.zeros(1, 0, dtype=torch.long)), "T >= 1"),
    ],
)
def test_wrong_arguments_get_a_clear_error(arguments, message):
    prompt = arguments.pop("prompt", torch.tensor([[1]]))
    with pytest.raises(ValueError, match=message):
        next(beam_search(awake_gpt(), prompt, **arguments))


def test_a_model_that_says_nan():
    broken = lambda tokens: torch.full((*tokens.shape, 3), math.nan)  # noqa: E731
    with pytest.raises(ValueError, match="it said NaN"):
        next(beam_search(broken, torch.tensor([[1]]), width=2))
