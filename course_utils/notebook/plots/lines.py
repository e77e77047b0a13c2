"""Lines with their names at their ends.

Every plot also takes ``title`` (the finding, in one sentence), ``alt`` (the figure in words, for
those who cannot see it), ``size`` (WIDE, SQUARE or inches) and ``ax`` (one of the axes of `panels`
to draw into; the title is then its small heading).
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogFormatter
from numpy.typing import NDArray

from course_utils.notebook.plots.figures import Data, Picture, as_array, canvas, legend_row
from course_utils.notebook.plots.style import DASHED, WIDE, color_of, readable


def curves(
    series: Mapping[str, Data],
    *,
    title: str = "",
    alt: str = "",
    xlabel: str = "",
    ylabel: str = "",
    logx: bool = False,
    logy: bool = False,
    references: Mapping[str, float] | None = None,
    styles: Mapping[str, Mapping[str, Any]] | None = None,
    size: tuple[float, float] = WIDE,
    ax: Axes | None = None,
) -> Picture:
    """Draw one line for each series.

    Args:
        series: name -> y, or name -> (x, y). The first word of a name can give the colour.
        title: the finding.
        alt: the figure in words, for those who cannot see it.
        xlabel: what runs to the right, with its unit.
        ylabel: what runs upwards, with its unit.
        logx: logarithmic x.
        logy: logarithmic y.
        references: name -> height of a dashed line, such as the exact answer.
        styles: name -> matplotlib's line options, such as {"DDIM": {"marker": "o"}}.
        size: of a new figure.
        ax: axes to draw into.
    """
    figure, ax = canvas(ax, title, size, alt)
    styles = styles or {}
    for name, data in series.items():
        x, y = data if isinstance(data, tuple) else (range(len(data)), data)
        options = DASHED if name.lower().startswith("reference") else {}
        options = {"color": color_of(name, series), **options, **styles.get(name, {})}
        ax.plot(as_array(x), as_array(y), label=name, markersize=4.5, **options)
    ax.margins(x=0.02 if any("marker" in options for options in styles.values()) else 0)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if not any(isinstance(data, tuple) for data in series.values()):
        ax.locator_params(axis="x", integer=True)  # x counts
    plain = FuncFormatter(lambda value, _: f"{value:g}")  # 100 rather than 10 to the power of 2
    if logx:
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter(plain)
        ax.xaxis.set_minor_formatter(LogFormatter())  # 20, 30 where 10 and 100 are too few
    if logy:
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter(plain)
    left, right = ax.get_xlim()
    for name, height in (references or {}).items():
        ax.plot((left, right), (height, height), label=name, **DASHED)
    ax.set_xlim(left, right)
    label_lines(ax)
    return figure


def loss_curve(
    losses: Data,
    *,
    title: str = "",
    alt: str = "",
    ylabel: str = "loss",
    references: Mapping[str, float] | None = None,
    logy: bool = False,
    smoothing: float = 0.95,
    size: tuple[float, float] = WIDE,
    ax: Axes | None = None,
) -> Picture:
    """Draw training losses: each step in a light tone, their running average on top.

    Args:
        losses: numbers, anything with a field ``loss`` such as a History, or name -> one of those.
        title: the finding.
        alt: the figure in words, for those who cannot see it.
        ylabel: the loss and its unit.
        references: name -> height of a dashed line, such as the best possible loss.
        logy: logarithmic y.
        smoothing: share of the neighbours in the running average, from 0 to below 1.
        size: of a new figure.
        ax: axes to draw into.
    """
    figure, ax = canvas(ax, title, size, alt)
    runs = losses if isinstance(losses, Mapping) else {"model": losses}
    raw = {name: as_array(getattr(run, "loss", run)) for name, run in runs.items()}
    for name, values in raw.items():
        ax.plot(values, color=color_of(name, raw), alpha=0.25, linewidth=0.8, label="_raw")
    every = np.concatenate(list(raw.values()))
    every = every[np.isfinite(every)]
    low, high = np.quantile(every, [0, 0.995]) if every.size else (0.0, 0.0)
    if high > low:  # a few spikes must not flatten the rest
        ax.set_ylim(low * 0.9 if logy else low - 0.05 * (high - low), high * 1.05)
    smooth = {name: _running_average(values, smoothing) for name, values in raw.items()}
    curves(smooth, xlabel="step", ylabel=ylabel, logy=logy, references=references, ax=ax)
    return figure


def _running_average(values: NDArray[Any], share: float) -> NDArray[Any]:
    """Exponential average from both sides, so that it does not lag behind."""

    def one_way(numbers: NDArray[Any]) -> NDArray[Any]:
        average, weight, result = 0.0, 0.0, np.empty(len(numbers))
        for index, number in enumerate(numbers):
            average = share * average + (1 - share) * number
            weight = share * weight + (1 - share)  # below 1 at first: dividing removes the bias
            result[index] = average / weight
        return result

    return (one_way(values) + one_way(values[::-1])[::-1]) / 2


def label_lines(ax: Axes, *, gap: float = 0.085) -> None:
    """Write each line's name at its right end, in its colour.

    Names that would touch are moved apart. Where lines end in the same place a name there could
    mean either, so all names go into a row above the axes instead.

    Args:
        ax: its lines have labels; those that start with ``_`` get no name.
        gap: the smallest distance of two names, as a share of the height.
    """
    lines = [line for line in ax.get_lines() if not str(line.get_label()).startswith("_")]
    to_axes = ax.transData - ax.transAxes
    ends = [to_axes.transform(np.asarray(line.get_xydata())[-1]) for line in lines]
    order = sorted(range(len(lines)), key=lambda index: float(ends[index][1]))
    heights = [float(np.clip(ends[index][1], 0, 1)) for index in order]
    if any(upper - lower < gap / 4 for lower, upper in pairwise(heights)):
        legend_row(ax)
        return
    for place, index in enumerate(order):
        line, height = lines[index], _spread(heights, gap)[place]
        ax.annotate(
            str(line.get_label()),
            (float(ends[index][0]), height),
            xycoords="axes fraction",
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            color=readable(line.get_color()),
            fontsize=9,
            annotation_clip=False,
        )


def _spread(heights: list[float], gap: float) -> list[float]:
    """Move ascending heights apart: up from below, then down from 1 where they went too far."""
    moved = list(heights)
    for index in range(1, len(moved)):
        moved[index] = max(moved[index], moved[index - 1] + gap)
    ceiling = 1.0
    for index in reversed(range(len(moved))):
        moved[index] = min(moved[index], ceiling)
        ceiling = moved[index] - gap
    return moved
