"""What moves, sounds or has depth: animations, a player, clouds of points in space."""

import base64
import html
import io
import wave
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from course_utils.notebook.plots.figures import (
    Data,
    Picture,
    alt_text,
    as_array,
    panels,
    png,
    title_of,
)
from course_utils.notebook.plots.style import DIVERGING, RESOLUTION, WIDE


class Animation:
    """Figures shown one after another, for ever: a PNG that moves, on a page that runs nothing too.

    An animated PNG is a PNG: a program that cannot play it shows its first frame. Follow it with a
    strip of its frames for readers who print the page.

    Attributes:
        first: the first figure; its title and its alternative text stand for all.
        data: the file.
    """

    def __init__(self, figures: Iterable[Picture], *, seconds: float = 0.2) -> None:
        drawn = list(figures)
        if len(drawn) < 2 or not seconds >= 0.01:
            raise ValueError(
                f"an animation needs two figures or more, and at least 0.01 seconds for each; got "
                f"{len(drawn)} figures and seconds={seconds}."
            )
        sizes = {tuple(figure.get_size_inches()) for figure in drawn}
        if len(sizes) > 1:
            raise ValueError(f"all figures must have one size; got {sorted(sizes)} inches.")
        self.first = drawn[0]
        frames = [Image.open(io.BytesIO(png(figure))).convert("RGB") for figure in drawn]
        packed, palette = io.BytesIO(), frames[0].quantize(256, dither=Image.Dither.NONE)
        few = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
        options: dict[str, Any] = {"duration": round(1000 * seconds), "loop": 0, "optimize": True}
        few[0].save(packed, format="png", save_all=True, append_images=few[1:], **options)
        self.data = packed.getvalue()

    def _ipython_display_(self) -> None:
        from IPython.display import display

        width, height = (self.first.get_size_inches() * RESOLUTION).round().astype(int).tolist()
        shown = {"image/png": base64.b64encode(self.data).decode("ascii"), "text/plain": repr(self)}
        metadata = {"image/png": {"width": width, "height": height, "alt": alt_text(self.first)}}
        display(shown, metadata=metadata, raw=True)  # type: ignore[no-untyped-call]

    def __repr__(self) -> str:
        return f"Animation: {title_of(self.first)}"


def animation(figures: Iterable[Picture], *, seconds: float = 0.2) -> Animation:
    """Show figures of one size one after another, `seconds` each, again and again.

    Raises:
        ValueError: fewer than two figures, or of different sizes, or less than 0.01 seconds each.
    """
    return Animation(figures, seconds=seconds)


class Player:
    """Sounds with their names, each with a button to play it; they are part of the page.

    Attributes:
        files: name -> the sound as a WAV file.
    """

    def __init__(self, sounds: Mapping[str, Data], rate: int) -> None:
        if not sounds or not rate > 0:
            raise ValueError(f"expected sounds and rate above 0; got {len(sounds)} and {rate}.")
        self.files = {name: wav(as_array(sound), rate) for name, sound in sounds.items()}

    def _repr_html_(self) -> str:
        row = (
            '<div style="display:flex;align-items:center;gap:1em"><span style="min-width:16em">'
            '{name}</span><audio controls preload="auto" aria-label="{name}" '
            'src="data:audio/wav;base64,{data}"></audio></div>'
        )
        return "\n".join(
            row.format(name=html.escape(name), data=base64.b64encode(data).decode("ascii"))
            for name, data in self.files.items()
        )

    def __repr__(self) -> str:
        return f"Sounds to play: {', '.join(self.files)}"


def player(sounds: Mapping[str, Data], *, rate: int) -> Player:
    """Buttons that play sounds.

    Args:
        sounds: name -> (T,) samples in [-1, 1]; what is beyond is cut, nothing is made louder.
        rate: samples a second.

    Raises:
        ValueError: a sound is no line of finite floating point samples, there are no sounds, or
            the rate is not above 0.
    """
    return Player(sounds, rate)


def wav(samples: NDArray[Any], rate: int) -> bytes:
    """Samples (T,) in [-1, 1] as a WAV file of 16 bits, one channel."""
    line = samples.ndim == 1 and samples.size and samples.dtype.kind == "f"
    if not line or not np.isfinite(samples).all():
        raise ValueError(
            "a sound must be (T,) finite samples, floating point in [-1, 1]; got shape "
            f"{samples.shape} of {samples.dtype}."
        )
    packed = io.BytesIO()
    with wave.open(packed, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(samples, -1, 1) * 32767).round().astype("<i2").tobytes())
    return packed.getvalue()


def clouds(
    points: Mapping[str, Data],
    *,
    turn: float = 30.0,
    lift: float = 30.0,
    title: str = "",
    alt: str = "",
    limit: float = 2.6,
    dot: float = 9.0,
) -> Picture:
    """Draw clouds of points in space side by side, seen from one side, near points over far ones.

    Args:
        points: name -> (N, 3).
        turn: degrees that the clouds are turned about their upright axis, the third coordinate.
        lift: degrees that the eye is above the horizon, from -90 to 90.
        title: the finding.
        alt: the figure in words, for those who cannot see it.
        limit: the axes go from -limit to limit.
        dot: area of a dot in square points.

    Raises:
        ValueError: a cloud has another shape or points that are not finite, there is none, or the
            eye is lifted beyond the top.
    """
    if not points or not -90 <= lift <= 90:
        raise ValueError(f"expected clouds and lift in -90 to 90; got {len(points)} and {lift}.")
    size = (WIDE[0], WIDE[0] / max(3, len(points)) + 0.45)
    figure, axes = panels(
        len(points), title=title, titles=list(points), alt=alt, size=size, share=True
    )
    for ax, cloud in zip(axes, points.values(), strict=True):
        right, up, near = seen_from(as_array(cloud), turn, lift)
        order = near.argsort()
        shade = {"c": near[order], "cmap": DIVERGING, "vmin": -2.5, "vmax": 2.5}
        ax.scatter(right[order], up[order], s=dot, linewidths=0.3, edgecolors="#55555580", **shade)
        ax.set(xlim=(-limit, limit), ylim=(-limit, limit), xticks=[], yticks=[])
        ax.set_aspect("equal")
        ax.spines[:].set_visible(False)
    return figure


def seen_from(points: NDArray[Any], turn: float, lift: float) -> NDArray[Any]:
    """(3, N) how far to the right, up and near the eye points (N, 3) are, from far away."""
    if points.ndim != 2 or points.shape[1] != 3 or not np.isfinite(points).all():
        raise ValueError(f"a cloud must be (N, 3) finite numbers; got shape {points.shape}.")
    around, above = np.deg2rad(turn), np.deg2rad(lift)
    x, y, z = points.T
    right = np.cos(around) * x - np.sin(around) * y
    away = np.sin(around) * x + np.cos(around) * y
    up = np.cos(above) * z + np.sin(above) * away
    return np.stack([right, up, np.sin(above) * z - np.cos(above) * away])
