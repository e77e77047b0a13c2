"""Whether a drawing shows what its caption asks for. Letters: N drawings, S pixels on a side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from course_utils.data.scenes import RELATIONS, Placed, Related, Scene
from course_utils.data.shapes import AREAS, INK
from course_utils.measure.drawings import Seen, see


@dataclass(frozen=True)
class Scores:
    """Which parts of its caption each drawing shows, (N,) bool each.

    A drawing with another number of things than its caption shows nothing right.

    Attributes:
        colour: of one thing, or of both.
        shape: of one thing, or each in its colour.
        place: the corner; or how the two things stand to each other.
        size: of one thing; True where the caption says none.
    """

    colour: Tensor
    shape: Tensor
    place: Tensor
    size: Tensor

    @property
    def right(self) -> Tensor:
        """(N,) colour, shape and place at once."""
        return self.colour & self.shape & self.place


def score(scenes: Sequence[Scene], images: Tensor) -> Scores:
    """Compare each drawing with its scene, by the detector `measure.see`.

    Args:
        scenes: N.
        images: (N, 3, S, S) in [-1, 1].

    Raises:
        ValueError: there is not one scene for each image, there is none, or the images do not reach
            below 0, so they do not lie in [-1, 1].
    """
    if len(scenes) != len(images) or not len(images):
        raise ValueError(
            f"each drawing needs its one scene, and there must be one at least; got {len(images)} "
            f"and {len(scenes)}."
        )
    if not images.is_floating_point() or float(images.min()) >= 0:
        raise ValueError(
            f"drawings lie in [-1, 1], -1 is black; got {images.dtype} from {images.min():g} to "
            f"{images.max():g}. For [0, 1] write 2 * images - 1."
        )
    rows = [
        _placed(scene, seen) if isinstance(scene, Placed) else _related(scene, seen)
        for scene, seen in zip(scenes, see(images, INK), strict=True)
    ]
    return Scores(*torch.tensor(rows, dtype=torch.bool).reshape(-1, 4).unbind(1))


def _placed(scene: Placed, things: Sequence[Seen]) -> tuple[bool, bool, bool, bool]:
    if len(things) != 1:
        return False, False, False, False
    (thing,) = things
    place = f"{'bottom' if thing.y > 8 else 'top'} {'right' if thing.x > 8 else 'left'}"
    size = "large" if thing.area > sum(AREAS.values()) / 2 else "small"
    return (
        thing.colour == scene.colour,
        thing.shape == scene.shape,
        place == scene.place,
        size == scene.size,
    )


def _related(scene: Related, things: Sequence[Seen]) -> tuple[bool, bool, bool, bool]:
    if len(things) != 2:
        return False, False, False, False
    by_colour = {thing.colour: thing for thing in things}
    if set(by_colour) != {scene.first[0], scene.second[0]}:
        return False, False, False, True
    first, second = by_colour[scene.first[0]], by_colour[scene.second[0]]
    shapes = (first.shape, second.shape) == (scene.first[1], scene.second[1])
    return True, shapes, relation_of(first, second) == scene.relation, True


def relation_of(first: Seen, second: Seen) -> str:
    """How the first thing stands to the second, by the longer of the two ways between them."""
    x, y = second.x - first.x, second.y - first.y
    left_of, right_of, above, below = RELATIONS
    if abs(x) > abs(y):
        return left_of if x > 0 else right_of
    return above if y > 0 else below
