"""Free wordings: what they mean, what is held out, what no caption can say."""

from itertools import pairwise

import pytest
import torch

from course_utils.data import placed_scenes, related_scenes, word_scene, word_strange
from course_utils.data.wordings import (
    COLOUR_WORDS,
    RELATION_WORDS,
    SHAPE_WORDS,
    SIZE_WORDS,
    STRANGE,
    held_out_pair,
    held_out_sentence,
)

SCENES = [*placed_scenes(), *related_scenes()]


def worded(scenes, seed=0, **options):
    generator = torch.Generator().manual_seed(seed)
    return [word_scene(scene, generator=generator, **options) for scene in scenes]


def named(words, table):
    """The names in a table of which one of these words is a synonym."""
    return {name for name, synonyms in table.items() if set(synonyms) & words}


@pytest.mark.parametrize("options", [{}, {"new": True}, {"new": True, "new_order": True}])
def test_a_wording_names_what_its_scene_has(options):
    for scene, text in zip(SCENES, worded(SCENES, **options), strict=True):
        words = set(text.split())
        things = (
            [(scene.colour, scene.shape)]
            if hasattr(scene, "place")
            else [scene.first, scene.second]
        )
        assert named(words, COLOUR_WORDS) == {colour for colour, _ in things}, text
        assert named(words, SHAPE_WORDS) == {shape for _, shape in things}, text
        if hasattr(scene, "place"):
            assert scene.place.split()[1] in words
            assert named(words, SIZE_WORDS) <= {scene.size}
            assert scene.size == "large" or named(words, SIZE_WORDS)
        else:
            said = [name for name, ways in RELATION_WORDS.items() if any(w in text for w in ways)]
            assert scene.relation in said


def test_a_sentence_is_written_as_one():
    for text in worded(SCENES * 3):
        assert text == " ".join(text.split())
        assert text == text.lower()
        assert not any(f"a {vowel}" in f" {text}".replace(" a ", " a ") for vowel in ())
        assert not any(f" a {v}" in f" {text}" for v in "aeiou")


def pairs_of(text):
    """Colour words and shape words that stand beside each other, in either order."""
    words = [w for w in text.split() if w not in {",", "and", "that", "is", "something"}]
    colours = {w for ws in COLOUR_WORDS.values() for w in ws}
    shapes = {w for ws in SHAPE_WORDS.values() for w in ws}
    for one, two in pairwise(words):
        if one in colours and two in shapes:
            yield one, two
        elif one in shapes and two in colours:
            yield two, one


def test_no_held_out_pair_of_synonyms_is_trained_on():
    old = {pair for text in worded(placed_scenes() * 40) for pair in pairs_of(text)}
    new = {pair for text in worded(placed_scenes() * 40, new=True) for pair in pairs_of(text)}
    assert len(old) > 60
    assert not any(held_out_pair(*pair) for pair in old)
    assert all(held_out_pair(*pair) for pair in new)
    assert {word for pair in new for word in pair} <= {word for pair in old for word in pair}


def test_a_quarter_of_the_sentences_is_held_out():
    every = [(a, b, c) for a in range(8) for b in range(4) for c in range(4)]
    assert sum(held_out_sentence(*way) for way in every) == len(every) / 4


def test_the_same_seed_says_the_same():
    assert worded(SCENES) == worded(SCENES)
    assert worded(SCENES) != worded(SCENES, seed=1)


@pytest.mark.parametrize("new", [False, True])
def test_strange_requests_hold_a_strange_word_of_their_own_part(new):
    generator = torch.Generator().manual_seed(0)
    texts = [word_strange(new=new, generator=generator) for _ in range(300)]
    mine = [word for part in STRANGE.values() for word in part[new]]
    others = [word for part in STRANGE.values() for word in part[not new]]
    assert all(any(word in text for word in mine) for text in texts)
    assert not any(f" {word} " in f" {text} " for text in texts for word in others)


def test_made_up_words_are_no_word_of_the_language():
    generator = torch.Generator().manual_seed(0)
    texts = [word_strange(made_up=True, generator=generator) for _ in range(50)]
    known = {word for text in worded(SCENES * 3) for word in text.split()}
    assert all(set(text.split()) - known for text in texts)
