"""Points, bars and densities; the arguments that all plots share are explained in `lines`."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from course_utils.notebook.plots.figures import Data, Picture, as_array, canvas, legend_row, panels
from course_utils.notebook.plots.style import (
    CONTROL,
    DASHED,
    INK,
    SKY,
    SQUARE,
    WIDE,
    color_of,
    role,
)


def scatter(
    points: Mapping[str, Any],
    *,
    title: str = "",
    alt: str = "",
    limit: float | None = None,
    dot: float = 7.0,
    size: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Picture:
    """Draw points in the plane with equal scales.

    Args:
        points: name -> (N, 2); or, for panels side by side with the same limits,
            heading -> {name -> (N, 2)}.
        title: the finding.
        alt: the figure in words, for those who cannot see it.
        limit: the axes go from -limit to limit; the default fits all points.
        dot: area of a dot in square points.
        size: of a new figure; the default fits the number of panels.
        ax: axes to draw a single panel into.
    """
    nested = all(isinstance(value, Mapping) for value in points.values())
    groups: Mapping[str, Mapping[str, Data]] = points if nested else {"": points}
    if len(groups) > 1 and ax is None:
        size = size or (WIDE[0], WIDE[0] / len(groups) + 0.5)
        figure, axes = panels(
            len(groups), title=title, alt=alt, titles=list(groups), size=size, share=True
        )
    else:
        figure, ax = canvas(ax, title, size or SQUARE, alt)
        axes = [ax]
    for panel, clouds in zip(axes, groups.values(), strict=True):
        for name, cloud in clouds.items():
            x, y = as_array(cloud).T
            color = color_of(name, clouds)
            panel.scatter(x, y, s=dot, color=color, alpha=0.6, linewidths=0, label=name)
        panel.set_aspect("equal", adjustable="box")
        panel.tick_params(length=0)
        panel.locator_params(nbins=5)
        if limit is not None:
            panel.set(xlim=(-limit, limit), ylim=(-limit, limit))
    if max(map(len, groups.values())) > 1:
        legend_row(axes[-1])
    return figure


def strips(
    groups: Mapping[str, Mapping[float, Data]],
    *,
    title: str = "",
    alt: str = "",
    xlabel: str = "",
    ylabel: str = "",
    references: Mapping[str, float] | None = None,
    size: tuple[float, float] = WIDE,
    ax: Axes | None = None,
) -> Picture:
    """Draw every single value as a dot over its place; several groups stand beside each other.

    Args:
        groups: name -> {x -> the values there}, such as one for each seed. The places of all
            groups together are at least 1 apart.
        title: the finding.
        alt: the figure in words, for those who cannot see it.
        xlabel: what runs to the right, with its unit.
        ylabel: what runs upwards, with its unit.
        references: name -> height of a dashed line, such as chance.
        size: of a new figure.
        ax: axes to draw into.
    """
    figure, ax = canvas(ax, title, size, alt)
    for index, (name, values) in enumerate(groups.items()):
        beside = 0.16 * (index - (len(groups) - 1) / 2)
        heights = [as_array(there).ravel() for there in values.values()]
        x = np.repeat([place + beside for place in values], [len(there) for there in heights])
        color = color_of(name, groups)
        ax.plot(x, np.concatenate(heights), "o", color=color, alpha=0.8, markersize=5, label=name)
    for name, height in (references or {}).items():
        ax.axhline(height, label=name, **DASHED)
    ax.set_xticks(sorted({place for values in groups.values() for place in values}))
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if len(groups) > 1 or references:
        legend_row(ax)
    return figure


def bars(
    values: Mapping[str, float],
    *,
    title: str = "",
    alt: str = "",
    xlabel: str = "",
    form: str = "{:.3g}",
    control: str = "",
    references: Mapping[str, float] | None = None,
    size: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Picture:
    """Draw horizontal bars with their values; the control is grey.

    Args:
        values: name -> number, the first on top.
        title: the finding.
        alt: the figure in words, for those who cannot see it.
        xlabel: what the numbers are, with their unit.
        form: how numbers are written, such as "{:.0%}".
        control: the name of the control, unless it starts with the word "control".
        references: name -> place of a dashed line, such as chance.
        size: of a new figure; the default fits the number of bars.
        ax: axes to draw into.
    """
    figure, ax = canvas(ax, title, size or (WIDE[0], 1.0 + 0.4 * len(values)), alt)
    names, numbers = list(values), [float(value) for value in values.values()]
    colors = [CONTROL if name == control else role(name) or SKY for name in names]
    drawn = ax.barh(names, numbers, color=colors, height=0.62)
    labels = [form.format(number) for number in numbers]
    ax.bar_label(drawn, labels=labels, padding=5, color=INK, fontsize=9.5)
    ax.invert_yaxis()
    ax.margins(x=0.1)
    ax.set_xlabel(xlabel, loc="left")
    ax.set_xticks([])  # the numbers stand at the bars
    ax.spines[["bottom"]].set_visible(False)
    ax.tick_params(axis="y", length=0, labelcolor=INK)
    for name, place in (references or {}).items():
        ax.axvline(place, **DASHED)
        above = ax.get_xaxis_transform()
        ax.annotate(f"{name} {form.format(place)}", (place, 1.03), xycoords=above, ha="center")
    return figure


def histogram(
    samples: Mapping[str, Data] | Data,
    *,
    title: str = "",
    alt: str = "",
    xlabel: str = "",
    density: Callable[[NDArray[np.float64]], Data] | None = None,
    bins: int = 60,
    limits: tuple[float, float] | None = None,
    size: tuple[float, float] = WIDE,
    ax: Axes | None = None,
) -> Picture:
    """Draw the densities of samples, and the exact density to compare them with.

    Args:
        samples: numbers in any shape, or name -> numbers.
        title: the finding.
        alt: the figure in words, for those who cannot see it.
        xlabel: what is counted, with its unit.
        density: the exact density of x (a NumPy array), drawn dashed.
        bins: number of bins, the same for all series.
        limits: the range of x; the default fits all samples.
        size: of a new figure.
        ax: axes to draw into.
    """
    figure, ax = canvas(ax, title, size, alt)
    named = samples if isinstance(samples, Mapping) else {"samples": samples}
    values = {name: as_array(data).ravel() for name, data in named.items()}
    every = np.concatenate(list(values.values()))
    low, high = limits or (float(every.min()), float(every.max()))
    shared: dict[str, Any] = {"bins": bins, "range": (low, high), "density": True}
    for name, numbers in values.items():
        color = color_of(name, values)
        ax.hist(numbers, color=color, alpha=0.35, label=name, **shared)
        ax.hist(numbers, color=color, histtype="step", linewidth=1.3, **shared)
    if density is not None:
        x = np.linspace(low, high, 400)
        ax.plot(x, as_array(density(x)), label="reference", **DASHED)
    ax.set(xlabel=xlabel, xlim=(low, high), yticks=[])
    ax.spines[["left"]].set_visible(False)
    if len(values) > 1 or density is not None:
        legend_row(ax)
    return figure
