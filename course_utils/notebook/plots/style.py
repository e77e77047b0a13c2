"""The look of the course: palette, two sizes, and matplotlib's settings.

The colours are those of Okabe and Ito, which people with any colour vision can tell apart. Five
have a meaning that holds in every lesson: a series whose name starts with such a word ("clean
digit", "model, 200 steps") gets its colour.

Source: Okabe and Ito, "Color Universal Design" (2008), https://jfly.uni-koeln.de/color/.
"""

from collections.abc import Iterable
from typing import Any

import matplotlib
import numpy as np
from cycler import cycler
from matplotlib import colors

CLEAN = "#0072B2"  # blue: the data
NOISY = "#D55E00"  # vermilion: what noise or corruption made of it
MODEL = "#009E73"  # green: what a trained model says
REFERENCE = "#333333"  # near black, dashed: the exact answer
CONTROL = "#A6A6A6"  # grey: what you get when the idea is taken away
ROLES = {
    "clean": CLEAN,
    "noisy": NOISY,
    "model": MODEL,
    "reference": REFERENCE,
    "control": CONTROL,
}
PURPLE, ORANGE, SKY = "#CC79A7", "#E69F00", "#56B4E9"  # for series that are none of the above
ACCENTS = (PURPLE, ORANGE, SKY)

WIDE = (8.0, 3.2)  # inches; an inch is RESOLUTION pixels of the page
SQUARE = (5.0, 3.6)
RESOLUTION = 100
SHARPNESS = 1.5  # pixels of the image for a pixel of the page: crisp on fine screens

INK, GREY, LIGHT = "#222222", "#5F5F5F", "#D4D4D4"  # titles; labels; spines and ticks
SEQUENTIAL = colors.LinearSegmentedColormap.from_list(
    "course_sequential", ["#FFFFFF", "#9CC9E8", CLEAN, "#00263D"]
)
DIVERGING = colors.LinearSegmentedColormap.from_list(
    "course_diverging", ["#7A3300", NOISY, "#FFFFFF", CLEAN, "#00324F"]
)
DASHED: dict[str, Any] = {"color": REFERENCE, "linestyle": (0, (4, 2)), "linewidth": 1.4}

SETTINGS: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib, so it is everywhere
    "font.size": 9.5,
    "mathtext.fontset": "dejavusans",
    "text.color": INK,
    "figure.dpi": RESOLUTION,
    "figure.figsize": WIDE,
    "figure.facecolor": "white",
    "figure.titlesize": 11.5,
    "figure.titleweight": "bold",
    "savefig.facecolor": "white",
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titlecolor": GREY,
    "axes.titlepad": 7,
    "axes.labelsize": 9.5,
    "axes.labelcolor": GREY,
    "axes.edgecolor": LIGHT,
    "axes.facecolor": "white",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": False,
    "axes.prop_cycle": cycler(color=ACCENTS),
    "xtick.color": LIGHT,
    "ytick.color": LIGHT,
    "xtick.labelcolor": GREY,
    "ytick.labelcolor": GREY,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "lines.linewidth": 2.0,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "legend.fontsize": 9,
    "image.interpolation": "nearest",
}


def use_style() -> None:
    """Give every figure made from now on the look of the course."""
    matplotlib.rcParams.update(SETTINGS)  # type: ignore[arg-type, unused-ignore]


def role(name: str) -> str | None:
    """The colour that the first word of a name has by its meaning, if any."""
    words = name.lower().replace(",", " ").replace(":", " ").split()
    return ROLES.get(words[0]) if words else None


def color_of(name: str, names: Iterable[str] = ()) -> str:
    """The colour of a series: by its meaning, else the accent of its place among ``names``."""
    free = [other for other in names if role(other) is None]
    return role(name) or ACCENTS[(free.index(name) if name in free else 0) % len(ACCENTS)]


def readable(color: Any) -> str:
    """A darker tone of a light colour, for letters on white.

    Source: the contrast of 4.5 and its formula are those of WCAG 2.2, success criterion 1.4.3.
    """
    tone = np.array(colors.to_rgb(color))
    while True:
        linear = np.where(tone <= 0.04045, tone / 12.92, ((tone + 0.055) / 1.055) ** 2.4)
        luminance = float(linear @ (0.2126, 0.7152, 0.0722))
        if 1.05 / (luminance + 0.05) >= 4.5:
            return colors.to_hex(tone.tolist())
        tone = tone * 0.97
