"""05.1: a clip from its pieces of space and time."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Mistake

Shape = tuple[int, int, int, int]


def join_pieces(tokens: Tensor, shape: Shape, span: int, patch: int) -> Tensor:
    """Put pieces of a clip together again."""
    return arranged("n f h w k c p q", "n f k c h p w q")(tokens, shape, span, patch)


def arranged(cut: str, join: str) -> Callable[..., Tensor]:
    """A function that reads the axes of the tokens as `cut` and puts them together as `join`.

    n examples; f h w the grid; k frames, c channels, p x q pixels of a piece.
    """

    def joined(tokens: Tensor, shape: Shape, span: int, patch: int) -> Tensor:
        frames, channels, height, width = shape
        sizes = {
            "n": len(tokens),
            "f": frames // span,
            "h": height // patch,
            "w": width // patch,
            "k": span,
            "c": channels,
            "p": patch,
            "q": patch,
        }
        axes = cut.split()
        parts = tokens.reshape([sizes[axis] for axis in axes])
        return parts.permute([axes.index(axis) for axis in join.split()]).reshape(-1, *shape)

    return joined


def piece_cases() -> list[tuple[Any, ...]]:
    """Grids and pieces whose sides all differ; one and several channels."""
    return [
        (torch.randn(2, 3 * 4 * 2, 2 * 1 * 3 * 3), (6, 1, 12, 6), 2, 3),
        (torch.randn(3, 2 * 3 * 5, 3 * 2 * 2 * 2), (6, 2, 6, 10), 3, 2),
        (torch.randn(1, 4 * 1 * 3, 1 * 3 * 4 * 4), (4, 3, 4, 12), 1, 4),
    ]


PIECES = Exercise(
    id="05.1",
    title="a clip from its pieces of space and time",
    reference=join_pieces,
    cases=piece_cases,
    tolerance=1e-6,
    mistakes=[
        Mistake(
            "only reshaped",
            lambda tokens, shape, span, patch: tokens.reshape(-1, *shape),
            "reshape alone keeps the order of the numbers, so a token would lie in a row. Split "
            "the axes, bring those that belong together side by side with permute, then reshape.",
        ),
        Mistake(
            "token before its place",
            arranged("n f h w k c p q", "n k f c p h q w"),
            "In each pair of axes the place of the token comes first, then the place inside it: "
            "pixel = place * patch + inside.",
        ),
        Mistake(
            "time inside before time of the piece",
            arranged("n f h w k c p q", "n k f c h p w q"),
            "Along time the order is wrong: frame = piece * span + inside.",
        ),
        Mistake(
            "pixels inside before place, in space",
            arranged("n f h w k c p q", "n f k c p h q w"),
            "In space the order is wrong: row = place * patch + inside, and so the columns.",
        ),
        Mistake(
            "rows and columns of the grid swapped",
            arranged("n f w h k c p q", "n f k c h p w q"),
            "Tokens run along a row of the grid first, then down: rows and columns are swapped.",
        ),
        Mistake(
            "pixels of a piece swapped",
            arranged("n f h w k c p q", "n f k c h q w p"),
            "Inside a piece the numbers run along its row first: your pieces are mirrored about "
            "their diagonal.",
        ),
        Mistake(
            "time last in the grid",
            arranged("n h w f k c p q", "n f k c h p w q"),
            "The tokens of the first frames come first: time is the outermost axis of the grid.",
        ),
        Mistake(
            "time last in a piece",
            arranged("n f h w c p q k", "n f k c h p w q"),
            "Inside a piece the numbers run frame by frame: time is the outermost axis there too.",
        ),
        Mistake(
            "channels before time",
            arranged("n f h w c k p q", "n f k c h p w q"),
            "Inside a piece channels come after time: each frame holds its channels.",
        ),
        Mistake(
            "channels last",
            arranged("n f h w k p q c", "n f k c h p w q"),
            "Inside a piece channels come before rows and columns, as in an image.",
        ),
        Mistake(
            "frames of one piece apart",
            lambda tokens, shape, span, patch: join_pieces(tokens, shape, span, patch).roll(1, 1),
            "The first frame of the first piece is frame 0.",
        ),
    ],
)
