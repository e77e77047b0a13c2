"""The figure that every plot returns, and how it becomes an image on the page."""

import base64
import io
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image  # comes with matplotlib

from course_utils.notebook.plots.style import GREY, RESOLUTION, SHARPNESS, WIDE, use_style

Data = Any  # a tensor, an array or a list of numbers


class Picture(Figure):
    """A figure that a cell shows exactly once and at a fixed size, with its text alternative.

    pyplot does not know it, so nothing has to be closed and nothing is shown a second time.

    Attributes:
        alt: what a reader who cannot see the figure should know besides its title.
    """

    alt: str = ""

    def _ipython_display_(self) -> None:
        from IPython.display import display

        width, height = (self.get_size_inches() * RESOLUTION).round().astype(int).tolist()
        data = {
            "image/png": base64.b64encode(png(self)).decode("ascii"),
            "text/plain": repr(self),
        }
        metadata = {"image/png": {"width": width, "height": height, "alt": alt_text(self)}}
        display(data, metadata=metadata, raw=True)  # type: ignore[no-untyped-call]

    def __repr__(self) -> str:
        return f"Figure: {title_of(self)}"


def panels(
    count: int = 1,
    *,
    title: str = "",
    titles: Sequence[str] = (),
    alt: str = "",
    size: tuple[float, float] = WIDE,
    share: bool = False,
) -> tuple[Picture, list[Axes]]:
    """An empty figure with ``count`` axes side by side; every plot can draw into one with ``ax=``.

    Args:
        count: how many axes.
        title: the finding, in bold on the left; a long one is wrapped.
        titles: what each of the axes shows, in small grey letters.
        alt: what there is to see, for those who cannot; the title is put before it.
        size: WIDE, SQUARE, or (width, height) in inches.
        share: the same limits on all axes.

    Returns:
        The figure and the list of its axes.
    """
    use_style()
    figure = Picture(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    figure.alt = alt
    grid = figure.subplots(1, count, sharex=share, sharey=share, squeeze=False)
    axes = list(grid[0])
    if title:
        figure.suptitle(textwrap.fill(title, int(size[0] * 10.5)), x=0.008, ha="left")
    for ax, text in zip(axes, titles, strict=False):
        ax.set_title(text)
    return figure, axes


def canvas(
    ax: Axes | None, title: str, size: tuple[float, float], alt: str = ""
) -> tuple[Picture, Axes]:
    """A new figure with one axes, or the axes that was given and its figure.

    Raises:
        TypeError: the axes belongs to a figure that `panels` did not make.
    """
    if ax is None:
        picture, (ax,) = panels(title=title, size=size, alt=alt)
        return picture, ax
    figure = ax.figure
    if not isinstance(figure, Picture):
        raise TypeError(
            "ax must be one of the axes that plots.panels made; "
            f"got one of a {type(figure).__name__}."
        )
    if title:
        ax.set_title(title)
    figure.alt = " ".join(filter(None, [figure.alt, alt]))
    return figure, ax


def legend_row(ax: Axes) -> None:
    """Names in a row above the axes: never on top of the data."""
    legend = ax.legend(
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=6,
        borderaxespad=0.2,
        handlelength=1.2,
        handletextpad=0.4,
        columnspacing=1.1,
        markerscale=2,
        labelcolor=GREY,
    )
    for handle in legend.legend_handles:
        if handle is not None:
            handle.set_alpha(1.0)


def title_of(figure: Figure) -> str:
    """The figure's title in one line, or that of its first axes."""
    headings = [ax.get_title(loc) for ax in figure.axes for loc in ("left", "center")]  # type: ignore[arg-type]
    titles = filter(None, [figure.get_suptitle(), *headings])
    return " ".join(next(titles, "a figure without a title").split())


def alt_text(figure: Figure) -> str:
    """The figure in words, for those who cannot see it: its title, then its description."""
    title, description = title_of(figure), " ".join(getattr(figure, "alt", "").split())
    return f"{title}{'' if title[-1:] in '.!?' else '.'} {description}" if description else title


def png(figure: Figure, *, titled: bool = True) -> bytes:
    """The figure as a PNG image, optionally without its title.

    256 colours are enough for these figures, and make a notebook three times lighter.
    """
    title = figure._suptitle  # type: ignore[attr-defined]
    if title is not None:
        title.set_visible(titled)
        title.set_in_layout(titled)
    drawn, packed = io.BytesIO(), io.BytesIO()
    dpi = RESOLUTION * SHARPNESS
    figure.savefig(drawn, format="png", dpi=dpi, pil_kwargs={"compress_level": 1})
    image = Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    image.save(packed, format="png", optimize=True)
    return packed.getvalue()


def as_array(data: Data) -> NDArray[Any]:
    """Tensors of any device, arrays and lists as NumPy arrays."""
    return data.detach().cpu().numpy() if isinstance(data, torch.Tensor) else np.asarray(data)
