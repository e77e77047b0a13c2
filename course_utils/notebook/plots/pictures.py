"""Images; the arguments that all plots share are explained in `lines`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from numpy.typing import NDArray
from torch import Tensor

from course_utils.notebook.plots.figures import Picture, canvas
from course_utils.notebook.plots.style import GREY, WIDE

GAP = 0.09  # white between two images, as a share of an image
LARGEST = 1.25  # inches: a few small images must not become posters


def image_row(images: Tensor, *, titles: Sequence[str] = (), **options: Any) -> Picture:
    """Draw images (N, C, H, W) in one row with headings; for other options see `image_grid`."""
    return image_grid(images, columns=titles, per_row=len(images), **options)


def image_grid(
    images: Tensor,
    *,
    title: str = "",
    alt: str = "",
    columns: Sequence[str] = (),
    rows: Sequence[str] = (),
    per_row: int = 10,
    limits: tuple[float, float] = (-1.0, 1.0),
    width: float = WIDE[0],
    ax: Axes | None = None,
) -> Picture:
    """Draw images in rows and columns.

    Args:
        images: (N, C, H, W), ``per_row`` in a row; or (R, N, C, H, W), R rows of N images.
            C is 1 (grey) or 3 (colours).
        title: the finding.
        alt: the figure in words, for those who cannot see it.
        columns: headings of the columns.
        rows: names of the rows.
        per_row: images in a row, for (N, C, H, W).
        limits: the values drawn black and white; what is beyond them is cut.
        width: of a new figure in inches; its height follows.
        ax: axes to draw into.

    Raises:
        ValueError: the images have another shape.
    """
    if images.ndim not in (4, 5) or images.shape[-3] not in (1, 3) or not images.numel():
        raise ValueError(
            "images must have shape (N, C, H, W) or (R, N, C, H, W), with C = 1 or 3; "
            f"got {tuple(images.shape)}. Use images.unsqueeze(-3) to add the channel."
        )
    mosaic, counts, step = _mosaic(images.detach().float().cpu(), per_row, limits)
    free = width - 0.1 - (0.15 + 0.075 * max(map(len, rows)) if rows else 0)  # beside the names
    inch = min(free / mosaic.shape[1], LARGEST / step[1])  # of a pixel of the mosaic
    heading = 0.1 + 0.2 * bool(columns) + 0.27 * bool(title)
    figure, ax = canvas(ax, title, (width, mosaic.shape[0] * inch + heading), alt)
    ax.imshow(mosaic)
    ax.set_anchor("NW")
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0, labeltop=True, labelbottom=False, labelcolor=GREY, pad=2)
    middle = [
        (np.arange(count) + (1 - GAP) / 2) * move for count, move in zip(counts, step, strict=True)
    ]
    ax.set_yticks(middle[0][: len(rows)], list(rows)[: counts[0]])
    ax.set_xticks(middle[1][: len(columns)], list(columns)[: counts[1]])
    return figure


def _mosaic(
    pixels: Tensor, per_row: int, limits: tuple[float, float]
) -> tuple[NDArray[np.float32], tuple[int, int], tuple[int, int]]:
    """One picture of all, its (rows, columns), and the steps (down, right) between images."""
    if pixels.ndim == 4:
        per_row = min(per_row, len(pixels))
        missing = -len(pixels) % per_row
        white = torch.full((missing, *pixels.shape[1:]), torch.inf)  # fills the last row
        pixels = torch.cat([pixels, white]).unflatten(0, (-1, per_row))
    low, high = limits
    shade = ((pixels - low) / (high - low)).clamp(0, 1).expand(-1, -1, 3, -1, -1)  # R N 3 H W
    num_rows, num_columns, _, height, width = shade.shape
    scale = max(1, 64 // width)  # so that the gap is a whole number of pixels
    gap = max(1, round(GAP * width * scale))
    down, right = height * scale + gap, width * scale + gap
    mosaic = np.ones((num_rows, down, num_columns, right, 3), dtype=np.float32)
    large = shade.repeat_interleave(scale, dim=3).repeat_interleave(scale, dim=4)
    mosaic[:, :-gap, :, :-gap] = large.permute(0, 3, 1, 4, 2).numpy()
    flat = mosaic.reshape(num_rows * down, num_columns * right, 3)[:-gap, :-gap]
    return flat, (num_rows, num_columns), (down, right)
