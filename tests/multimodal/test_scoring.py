"""True drawings are right, each kind of wrong drawing is wrong in its own part."""

import pytest
import torch

from course_utils.data import Placed, Related, draw_scenes, placed_scenes, related_scenes
from course_utils.measure import Seen
from course_utils.multimodal import relation_of, score


def drawn(scenes):
    return draw_scenes(scenes, generator=torch.Generator().manual_seed(3))


def shares(scores):
    parts = ("colour", "shape", "place", "size", "right")
    return {part: getattr(scores, part).float().mean().item() for part in parts}


@pytest.mark.parametrize("scenes", [placed_scenes() * 4, related_scenes()])
def test_true_drawings_are_right(scenes):
    found = shares(score(scenes, drawn(scenes)))
    assert found["colour"] == found["place"] == found["size"] == 1
    assert found["right"] >= 0.97


ASKED = Placed("small", "red", "circle", "top left")
PAIR = Related(("red", "circle"), "left of", ("blue", "square"))


@pytest.mark.parametrize(
    ("shown", "wrong"),
    [
        (Placed("small", "blue", "circle", "top left"), {"colour"}),
        (Placed("small", "red", "triangle", "top left"), {"shape"}),
        (Placed("small", "red", "circle", "bottom left"), {"place"}),
        (Placed("small", "red", "circle", "top right"), {"place"}),
        (Placed("large", "red", "circle", "top left"), {"size"}),
        (PAIR, {"colour", "shape", "place", "size"}),
    ],
)
def test_each_fault_of_one_thing_is_told(shown, wrong):
    found = shares(score([ASKED], drawn([shown])))
    expected = wrong | ({"right"} if wrong != {"size"} else set())
    assert {part for part, share in found.items() if not share} == expected


@pytest.mark.parametrize(
    ("shown", "wrong"),
    [
        (PAIR.mirrored, {"place"}),
        (Related(("red", "circle"), "above", ("blue", "square")), {"place"}),
        (Related(("red", "square"), "left of", ("blue", "circle")), {"shape"}),
        (Related(("red", "circle"), "left of", ("green", "square")), {"colour", "shape", "place"}),
        (ASKED, {"colour", "shape", "place", "size"}),
    ],
)
def test_each_fault_of_two_things_is_told(shown, wrong):
    found = shares(score([PAIR], drawn([shown])))
    assert {part for part, share in found.items() if not share} == wrong | {"right"}


def test_the_longer_way_decides_the_relation():
    def at(x, y):
        return Seen("red", "circle", 15.0, x, y, 0.0)

    assert relation_of(at(4, 8), at(12, 9)) == "left of"
    assert relation_of(at(12, 8), at(4, 9)) == "right of"
    assert relation_of(at(8, 4), at(9, 12)) == "above"
    assert relation_of(at(8, 12), at(9, 4)) == "below"


def test_blank_drawings_are_all_wrong():
    found = score([ASKED, PAIR], torch.full((2, 3, 16, 16), -1.0))
    assert not any(getattr(found, part).any() for part in ("colour", "shape", "place", "right"))


def test_another_number_of_drawings_is_refused():
    with pytest.raises(ValueError, match="needs its one scene.*got 1 and 2"):
        score([ASKED, PAIR], drawn([ASKED]))


@pytest.mark.parametrize(
    "images",
    [
        torch.zeros(1, 3, 16, 16),
        torch.rand(1, 3, 16, 16),
        torch.zeros(1, 3, 16, 16, dtype=torch.uint8),
    ],
)
def test_drawings_of_another_range_are_refused(images):
    with pytest.raises(ValueError, match=r"lie in \[-1, 1\].*write 2 \* images - 1"):
        score([ASKED], images)


def test_nothing_to_score_is_refused():
    with pytest.raises(ValueError, match="one at least; got 0 and 0"):
        score([], torch.zeros(0, 3, 16, 16))
