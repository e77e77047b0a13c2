"""Captions: what they say can be read back, and what is held out is new in the way that is said."""

from itertools import combinations

import pytest

from course_utils.data import Placed, Related, placed_scenes, read_caption, related_scenes

EVERY = [*placed_scenes(), *related_scenes()]


def test_there_are_as_many_as_words_allow():
    assert len(placed_scenes()) == 2 * 4 * 3 * 4
    assert len(related_scenes()) == 4 * 3 * 3 * 3 * 4
    assert len({scene.caption for scene in EVERY}) == len(EVERY)


def test_a_caption_is_read_back_as_its_scene():
    assert [read_caption(scene.caption) for scene in EVERY] == EVERY


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a red circle",
        "a small red circle at the middle",
        "a small pink circle at the top left",
        "a small red circle at the top left and a large blue square at the top right",
        "A small red circle at the top left",
        "a small red circle at the top left ",
        "a small red circle left of a large blue square",
        "a red circle near a blue square",
    ],
)
def test_what_is_no_caption_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="a caption is written like 'a small red circle at the"):
        read_caption(text)


def test_two_things_of_one_colour_are_refused():
    with pytest.raises(ValueError, match="must have different colours"):
        read_caption("a red circle left of a red square")


def test_held_out_scenes_of_one_thing_are_new_as_a_whole_and_known_in_pairs():
    held_out = [scene for scene in placed_scenes() if scene.held_out]
    known = [scene for scene in placed_scenes() if not scene.held_out]
    assert len(held_out) == 24

    def parts(scene, num):
        return set(combinations((scene.colour, scene.shape, scene.place), num))

    seen = {num: set().union(*(parts(scene, num) for scene in known)) for num in (1, 2, 3)}
    for scene in held_out:
        assert parts(scene, 1) <= seen[1]
        assert parts(scene, 2) <= seen[2]
        assert not parts(scene, 3) & seen[3]


def test_held_out_pairs_leak_by_no_relation_and_no_mirror():
    held_out = {frozenset((s.first, s.second)) for s in related_scenes() if s.held_out}
    known = {frozenset((s.first, s.second)) for s in related_scenes() if not s.held_out}
    assert not held_out & known
    assert len(held_out) == 8
    assert {thing for pair in known for thing in pair} >= {t for pair in held_out for t in pair}


def test_a_mirror_has_the_same_words_and_is_its_own_opposite():
    for scene in related_scenes():
        assert sorted(scene.mirrored.caption.split()) == sorted(scene.caption.split())
        assert scene.mirrored != scene
        assert scene.mirrored.mirrored == scene


def test_a_turned_caption_asks_for_the_same_picture():
    scene = Related(("red", "circle"), "above", ("blue", "square"))
    assert scene.turned.caption == "a blue square below a red circle"
    assert scene.turned.turned == scene
    assert all(scene.turned in related_scenes() for scene in related_scenes()[::50])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Placed("huge", "red", "circle", "top left"), "small, large; got 'huge'"),
        (lambda: Placed("small", "pink", "circle", "top left"), "got 'pink'"),
        (lambda: Placed("small", "red", "star", "top left"), "got 'star'"),
        (lambda: Placed("small", "red", "circle", "middle"), "got 'middle'"),
        (lambda: Related(("red", "circle"), "near", ("blue", "square")), "got 'near'"),
        (lambda: Related(("red", "circle"), "above", ("blue", "moon")), "got 'moon'"),
    ],
)
def test_a_scene_of_unknown_words_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
