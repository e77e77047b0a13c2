"""Images and matrices; the arguments that all plots share are explained in `lines`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from numpy.typing import NDArray
from torch import Tensor

from course_utils.notebook.plots.figures import Data, Picture, as_array, canvas, panels
from course_utils.notebook.plots.style import DIVERGING, GREY, INK, LIGHT, SEQUENTIAL, SQUARE, WIDE

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


def heatmap(
    matrix: Data,
    *,
    title: str = "",
    alt: str = "",
    titles: Sequence[str] = (),
    xlabel: str = "",
    ylabel: str = "",
    xticks: Sequence[str] = (),
    yticks: Sequence[str] = (),
    hidden: Data = None,
    diverging: bool = False,
    form: str = "",
    limits: tuple[float, float] | None = None,
    size: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Picture:
    """Draw a matrix as colours, such as an attention map; or several, with one scale.

    Args:
        matrix: (R, C) numbers with row 0 on top, or (N, R, C) for N panels.
        title: the finding.
        alt: the figure in words, for those who cannot see it.
        titles: headings of the panels.
        xlabel: what the columns are.
        ylabel: what the rows are.
        xticks: names of the columns, such as the tokens.
        yticks: names of the rows.
        hidden: (R, C) truth values; those cells are hatched, as under a causal mask.
        diverging: white is zero, and the two signs have two colours.
        form: writes each number into its cell, such as "{:.2f}".
        limits: the values of the two ends of the colours.
        size: of a new figure; the default fits the number of panels.
        ax: axes to draw a single matrix into.
    """
    values = as_array(matrix).astype(float)
    values = values[None] if values.ndim == 2 else values
    cover = np.zeros(values.shape[1:], bool) if hidden is None else as_array(hidden).astype(bool)
    seen = values[:, ~cover][np.isfinite(values[:, ~cover])]
    edge = float(np.abs(seen).max(initial=1e-12))
    low, high = limits or (-edge if diverging else min(0.0, float(seen.min(initial=0.0))), edge)
    size = size or (SQUARE if len(values) == 1 else (WIDE[0], WIDE[0] / len(values) + 0.9))
    if ax is None:
        figure, axes = panels(len(values), title=title, alt=alt, titles=titles, size=size)
        figure.set_layout_engine("compressed")  # square cells leave space: move together
    else:
        figure, ax = canvas(ax, title, size, alt)
        axes = [ax]
    for panel, numbers in zip(axes, values, strict=True):
        mesh = panel.pcolormesh(
            np.arange(numbers.shape[1] + 1) - 0.5,
            np.arange(numbers.shape[0] + 1) - 0.5,
            np.ma.masked_array(numbers, cover),
            cmap=DIVERGING if diverging else SEQUENTIAL,
            vmin=low,
            vmax=high,
            edgecolors="white",
            linewidth=0.6 if max(numbers.shape) <= 40 else 0,
        )
        _hatch(panel, cover)
        _name_cells(panel, xticks, yticks if panel is axes[0] else [""] * len(yticks))
        if form:
            _write_cells(panel, numbers, cover, form, mesh)
        panel.set_xlabel(xlabel)
    axes[0].set_ylabel(ylabel)
    bar = figure.colorbar(mesh, ax=axes, shrink=0.85, aspect=24, pad=0.02)
    bar.outline.set_visible(False)  # type: ignore[operator]
    bar.ax.tick_params(length=0)
    return figure


def _hatch(ax: Axes, cover: NDArray[np.bool_]) -> None:
    """Light hatching over the cells that are hidden, in one piece."""
    edges = [np.arange(count + 1) - 0.5 for count in cover.shape[::-1]]
    if cover.any():
        nothing = np.ma.masked_array(np.zeros(cover.shape), ~cover)
        ax.pcolor(*edges, nothing, hatch="////", facecolor="none", edgecolor=LIGHT, linewidth=0)


def _name_cells(ax: Axes, xticks: Sequence[str], yticks: Sequence[str]) -> None:
    """Row 0 on top, square cells, names under the columns (upright when long) and at the rows."""
    ax.invert_yaxis()
    ax.set_aspect("equal")
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    if len(xticks):
        upright = max(map(len, xticks)) > 2 and len(xticks) > 4
        ax.set_xticks(range(len(xticks)), xticks, rotation=90 if upright else 0)
    if len(yticks):
        ax.set_yticks(range(len(yticks)), yticks)


def _write_cells(ax: Axes, values: Any, cover: Any, form: str, mesh: Any) -> None:
    """The numbers, white where the cell is dark."""
    for row, column in zip(*np.nonzero(~cover), strict=True):
        red, green, blue, _ = mesh.to_rgba(values[row, column])
        color = "white" if 0.3 * red + 0.6 * green + 0.1 * blue < 0.5 else INK
        text = form.format(values[row, column])
        ax.text(column, row, text, ha="center", va="center", fontsize=8, color=color)
