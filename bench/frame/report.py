"""What `make bench` shows of results.json: a table of ratios, and docs/performance.png."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from course_utils.notebook import plots
from frame.results import replace

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "performance.png"
SIZE = (14.0, 6.2)  # inches
COLORS = (plots.MODEL, plots.PURPLE, plots.ORANGE, plots.SKY, plots.NOISY)


def table(results: dict[str, Any]) -> str:
    """One line a goal, then what the sections say of each peer; aligned plain text.

    Args:
        results: as in results.json.
    """
    rows = [("", "ours", "best peer", "ratio or difference", "goal", "met", "peer")]
    for goal in results["goals"]:
        ours, best = (f"{goal[key]:.4g}" for key in ("ours", "best_peer"))
        met = "yes" if goal["met"] else "no"
        rows.append((goal["name"], ours, best, gain(goal), goal["goal"], met, goal["peer"]))
    others = [
        (f"{section}: {name}", f"{ratio:.2f}")
        for section, details in results.get("details", {}).items()
        for name, ratio in ratios(details)
    ]
    parts = [aligned(rows)]
    if others:
        parts.append(aligned([("all ratios (above 1: ours is better)", ""), *others]))
    return "\n\n".join([*parts, finding(results) + "."])


def gain(goal: dict[str, Any]) -> str:
    """How many times better ours is, or by how much: the 95 % interval of a difference."""
    if goal["ratio"] is None:
        low, high = goal["interval"]
        return f"{low:+.2g} to {high:+.2g}"
    return f"{goal['ratio']:.2f}"


def ratios(details: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """(name, number) of everything below a key "ratios", at any depth of a section's details."""
    if not isinstance(details, dict):
        return
    for key, value in details.items():
        if key == "ratios":
            yield from numbers(value, path)
        else:
            yield from ratios(value, f"{path}{key}, ")


def numbers(value: Any, path: str) -> Iterator[tuple[str, float]]:
    """(name, number) of all numbers in a dictionary of dictionaries."""
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from numbers(inner, f"{path}{key}, ")
        else:
            yield f"{path}{key}", float(inner)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of text as columns, two spaces apart."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def finding(results: dict[str, Any]) -> str:
    """How many goals are met, in words."""
    goals = results["goals"]
    met = sum(goal["met"] for goal in goals)
    return f"{met} of {len(goals)} goals {'is' if met == 1 else 'are'} met"


def figure(results: dict[str, Any], path: Path = PICTURE) -> None:
    """Draw the goals on the left, and on the right how our own costs grow, if that was measured."""
    growth = results.get("details", {}).get("growth", {})
    kinds = [kind for kind in ("time", "memory") if growth.get(kind)]
    picture, (first, *others) = plots.panels(1 + len(kinds), title=finding(results), size=SIZE)
    first.get_gridspec().set_width_ratios([1.3] + [1] * len(kinds))
    draw_goals(first, [goal for goal in results["goals"] if goal["ratio"] is not None])
    for ax, kind in zip(others, kinds, strict=True):
        draw_growth(ax, growth[kind], kind)
    replace(path, plots.png(picture))


def draw_goals(ax: Axes, goals: list[dict[str, Any]]) -> None:
    """A bar for each ratio, from the line that it should reach; a missed one in another colour."""
    shares = [goal["ratio"] / float(goal["goal"].removeprefix(">=")) for goal in goals]
    shares = [max(share, 0.1) for share in shares]  # 0, never reached, has no place on log axes
    places = range(len(goals))
    colors = [plots.MODEL if goal["met"] else plots.NOISY for goal in goals]
    ax.barh(places, [share - 1 for share in shares], left=1, color=colors, height=0.6)
    ax.set_xscale("log")
    ax.axvline(1, **plots.DASHED)
    ax.set_xlim(min([0.5, *shares]) / 1.3, max([2.0, *shares]) * 4)
    names = [textwrap.fill(f"{goal['name']} (vs {goal['peer']})", 50) for goal in goals]
    ax.set_yticks(places, names, fontsize=8)
    ax.invert_yaxis()
    plain_ticks(ax, "x")
    for place, share, goal in zip(places, shares, goals, strict=True):
        text = f" {goal['ratio']:.3g}x, goal {goal['goal']}"
        ax.text(max(share, 1), place, text, va="center", fontsize=8, color=plots.GREY)
    ax.set_xlabel("ratio to the best peer / goal")
    ax.set_title("at the dashed line a goal is met")


def draw_growth(ax: Axes, rows: dict[str, dict[str, Any]], kind: str) -> None:
    """Costs against sizes, both relative to the smallest, with the fitted exponents."""
    for color, (name, row) in zip(COLORS, rows.items(), strict=False):
        sizes = [size / row["sizes"][0] for size in row["sizes"]]
        costs = [cost / row["cost"][0] for cost in row["cost"]]
        label = f"{name}: {row['exponent']:.2f}, theory {row['theory']:.2f}"
        ax.plot(sizes, costs, "o-", markersize=3.5, color=color, label=label)
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    plain_ticks(ax, "x")
    plain_ticks(ax, "y")
    ax.set_xlabel("size / smallest size")
    unit = "CPU time" if kind == "time" else "peak memory beyond the model's"
    ax.set_ylabel(f"{unit} / that of the smallest size")
    ax.set_title("growth of our models: fitted exponents")
    ax.set_ylim(top=8 * ax.get_ylim()[1])  # room for the legend
    ax.legend(loc="upper left", fontsize=8)


def plain_ticks(ax: Axes, axis: str) -> None:
    """Numbers such as 0.5 and 10 instead of powers."""
    which = ax.xaxis if axis == "x" else ax.yaxis
    which.set_major_formatter(lambda value, _: f"{value:g}")
    which.set_minor_formatter(lambda value, _: "")
