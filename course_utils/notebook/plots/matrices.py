"""Matrices as colours; the arguments that all plots share are explained in `lines`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from course_utils.notebook.plots.figures import Data, Picture, as_array, canvas, panels
from course_utils.notebook.plots.style import (
    DIVERGING,
    INK,
    LIGHT,
    NOISY,
    SEQUENTIAL,
    SQUARE,
    WIDE,
)


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
    marked: Data = None,
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
        marked: (R, C) truth values; those cells carry a circle, such as the right answers.
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
        if marked is not None:
            rows, columns = np.nonzero(as_array(marked))
            panel.plot(columns, rows, "o", markersize=5, markerfacecolor="none", color=NOISY)
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
