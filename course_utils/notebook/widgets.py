"""Sliders over a plotting function, by the interface of ipywidgets 7, which Colab still has."""

import html
from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.figure import Figure

from course_utils.notebook.machine import require
from course_utils.notebook.plots.figures import png, title_of
from course_utils.notebook.plots.style import RESOLUTION

ipywidgets = require("ipywidgets", "pip install 'ipywidgets>=7.7.1,<9'")


class Explorer(ipywidgets.VBox):  # type: ignore[name-defined, misc]
    """Controls with the figure under them; on a page that runs nothing its text stands there."""

    names: tuple[str, ...] = ()

    def __repr__(self) -> str:
        names = " and ".join(self.names)
        return f"[Run this cell for a slider over {names}; the next figure is one of its views.]"


def slider(plot: Callable[..., Figure], **choices: Sequence[Any]) -> Explorer:
    """A control for each argument of ``plot``; moving one redraws the figure.

    ``widgets.slider(show, t=[0.0, 0.5, 1.0], schedule=["linear", "cosine"])`` shows
    ``show(t=0.0, schedule="linear")`` under a slider for t and a menu for the schedule. Frames
    once drawn are kept. Put the static twin, such as ``show(t=0.5, schedule="linear")``, in the
    next cell for readers of a page that runs nothing.

    Args:
        plot: takes the arguments by name and returns a figure, whose title is shown as text.
        choices: the values of each argument. Numbers get a slider, words and truth values a
            menu. The first values are shown first.

    Returns:
        A box; the last line of a cell shows it.

    Raises:
        ValueError: no argument, or an argument without values.
    """
    if not choices or not all(len(values) for values in choices.values()):
        raise ValueError(
            "slider needs at least one argument with values, such as t=[0.0, 0.5, 1.0]."
        )
    label_width = f"{0.6 * max(map(len, choices)) + 0.6:.1f}em"  # the same for all, to align them
    controls = {name: _control(name, values, label_width) for name, values in choices.items()}
    label, image = ipywidgets.HTML(), ipywidgets.Image(format="png")
    frames: dict[tuple[int, ...], tuple[str, bytes]] = {}

    def draw() -> None:
        place = tuple(control.index for control in controls.values())
        if place not in frames:
            figure = plot(**{name: control.value for name, control in controls.items()})
            frames[place] = title_of(figure), png(figure, titled=False)
            image.layout.width = f"{figure.get_figwidth() * RESOLUTION:.0f}px"
        title, image.value = frames[place]
        label.value = f"<strong>{html.escape(title)}</strong>"

    def redraw(_: Any) -> None:
        try:
            draw()
        except (
            Exception
        ) as error:  # ipywidgets would swallow it: the figure would stand still without a reason
            label.value = html.escape(
                f"This figure could not be drawn. {type(error).__name__}: {error}"
            )

    image.layout.max_width, image.layout.height = "100%", "auto"
    draw()
    for control in controls.values():
        control.observe(redraw, names="index")
    box = Explorer([*controls.values(), label, image])
    box.names = tuple(choices)
    return box


def _control(name: str, values: Sequence[Any], label_width: str) -> Any:
    """A slider for numbers, a menu for everything else."""
    plain = [v.item() if hasattr(v, "item") else v for v in values]  # tensors, NumPy scalars
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in plain)
    kind = ipywidgets.SelectionSlider if numbers else ipywidgets.Dropdown
    return kind(
        options=[(f"{v:g}" if numbers else str(v), v) for v in plain],
        description=name.replace("_", " "),
        layout={"width": "36em" if numbers else "20em", "max_width": "100%"},
        style={"description_width": label_width},
    )
