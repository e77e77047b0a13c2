"""Requests and answers as one text; a parser that answers, refuses, and says only captions."""

import pytest
import torch
from torch import nn

from course_utils.data import placed_scenes, read_caption, related_scenes
from course_utils.language import WordTokenizer
from course_utils.multimodal import parse, parsing_batch, same_picture
from course_utils.multimodal.parsing import DRAW, REFUSE, SPECIAL, STOP

CAPTIONS = [scene.caption for scene in [*placed_scenes(), *related_scenes()]]
WORDS = WordTokenizer.train("\n".join([*CAPTIONS, "paint me"]), unknown=True, special=SPECIAL)
ASKED = ["paint me a red circle left of a blue square", "paint me zebra"]


class Scripted(nn.Module):
    """Writes the same answer to all, whatever it is asked."""

    def __init__(self, answer):
        super().__init__()
        self.answer, self.weight = answer, nn.Parameter(torch.zeros(1))

    def forward(self, tokens):
        logits = torch.full((*tokens.shape, WORDS.vocab_size), -9.0)
        for row, text in enumerate(tokens.tolist()):
            said = len(text) - 1 - text.index(WORDS.special[DRAW])
            token = self.answer[said] if said < len(self.answer) else WORDS.special[STOP]
            logits[row, -1, token] = 9.0
        return logits


def test_a_request_and_its_answer_are_one_text():
    tokens, answered = parsing_batch(WORDS, ASKED, [CAPTIONS[-1], None])
    assert tokens.shape == answered.shape
    first = WORDS.decode(tokens[0][answered[0]], show_special=True)
    assert first == f"{CAPTIONS[-1]} {STOP}"
    assert WORDS.decode(tokens[1][answered[1]], show_special=True) == f"{REFUSE}{STOP}" or (
        tokens[1][answered[1]].tolist() == [WORDS.special[REFUSE], WORDS.special[STOP]]
    )
    for row, mask in zip(tokens, answered, strict=True):
        place = row.tolist().index(WORDS.special[DRAW])
        assert not mask[: place + 1].any()
        assert mask[place + 1]
    assert (tokens[1][3 + 1 + 2 :] == WORDS.special[STOP]).all()


@pytest.mark.parametrize(
    ("requests", "captions"), [([], []), (ASKED, [None]), ("paint me", [None] * 8)]
)
def test_one_caption_for_each_request(requests, captions):
    with pytest.raises(ValueError, match="each request needs its one caption, or None"):
        parsing_batch(WORDS, requests, captions)


def test_what_is_written_is_a_caption():
    answer = WORDS.encode("a small red circle at the top left").tolist()
    assert parse(Scripted(answer), WORDS, ASKED) == ["a small red circle at the top left"] * 2


@pytest.mark.parametrize("text", ["a red", "a red circle left of a red square", "", "left left"])
def test_what_is_no_caption_counts_as_refused(text):
    assert parse(Scripted(WORDS.encode(text).tolist()), WORDS, ASKED) == [None, None]


def test_a_refusal_is_none():
    assert parse(Scripted([WORDS.special[REFUSE]]), WORDS, ASKED) == [None, None]


@pytest.mark.parametrize("requests", [[], "paint me", ["paint me", "  "]])
def test_empty_requests_are_refused(requests):
    with pytest.raises(ValueError, match="expected a list of requests, none of them empty"):
        parse(Scripted([0]), WORDS, requests)


@pytest.mark.parametrize("requests", [[None], ["paint me", 3], ["paint me", ""]])
def test_what_is_no_request_is_refused_in_training_too(requests):
    with pytest.raises(ValueError, match="expected a list of requests"):
        parse(Scripted([0]), WORDS, requests)
    with pytest.raises(ValueError, match="expected a list of requests"):
        parsing_batch(WORDS, requests, [None] * len(requests))


def test_a_caption_that_is_none_is_not_learned():
    with pytest.raises(ValueError, match="a caption is written like"):
        parsing_batch(WORDS, ["paint me"], ["a purple elephant"])


def test_a_request_without_room_for_an_answer_is_refused():
    model = Scripted([WORDS.special[REFUSE]])
    model.context_length = 20
    assert parse(model, WORDS, ["paint " * 10]) == [None]
    with pytest.raises(ValueError, match="has 11 words and marks; the model has room for 10"):
        parse(model, WORDS, ["paint " * 11])


def test_left_of_turned_round_is_the_same_picture():
    scene = read_caption("a red circle left of a blue square")
    assert same_picture(scene.caption, scene)
    assert same_picture("a blue square right of a red circle", scene)
    assert not same_picture(scene.mirrored.caption, scene)
    assert not same_picture("a blue square above a red circle", scene)
    assert not same_picture(None, scene)
    assert not same_picture("a red circle", scene)
