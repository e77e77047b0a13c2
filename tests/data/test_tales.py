"""Tales: the rule that reads them gives back what was told, and sees what contradicts itself."""

import pytest
import torch

from course_utils.data import Placed, read_tale, tell


def told(num=200):
    generator = torch.Generator().manual_seed(0)
    return [tell(generator) for _ in range(num)]


def test_a_tale_is_read_back_as_its_scenes():
    for tale in told():
        sentences, scenes = [text for text, _ in tale], [scene for _, scene in tale]
        assert read_tale(sentences) == scenes
        assert len(sentences) == 4


def test_only_the_first_sentence_says_who_it_is_about():
    for tale in told(50):
        scene = tale[0][1]
        assert isinstance(scene, Placed)
        for text, _ in tale[1:]:
            assert scene.colour not in text.split()
            assert " it " in f" {text} "


def test_without_its_beginning_a_tale_shows_nothing():
    sentences = [text for text, _ in told(1)[0]]
    assert read_tale(sentences[1:]) == [None] * 3
    assert read_tale([]) == []


@pytest.mark.parametrize(
    ("later", "place"),
    [
        ("then it grew and slept at the top left .", 3),
        ("there it met a red square and stayed above it .", 2),
        ("it flew to the top left .", 1),
    ],
)
def test_what_contradicts_itself_or_is_unknown_shows_nothing(later, place):
    sentences = [
        "a large red circle woke up at the top left .",
        "it rolled to the bottom right .",
        "there it met a blue square and stayed above it .",
        "then it shrank and slept at the top left .",
    ]
    assert None not in read_tale(sentences)
    sentences[place] = later
    assert [scene is None for scene in read_tale(sentences)] == [k == place for k in range(4)]


def test_a_fifth_sentence_shows_nothing():
    sentences = [text for text, _ in told(1)[0]]
    assert read_tale([*sentences, "it rolled to the top left ."])[4] is None


def test_one_text_is_refused():
    with pytest.raises(ValueError, match="a list of sentences; got one text"):
        read_tale("a large red circle woke up at the top left .")
