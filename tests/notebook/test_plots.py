"""Figures: what they hold, that they are shown once, that they stay light."""

import base64
import io
import math

import numpy as np
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from matplotlib import colors
from matplotlib.figure import Figure
from PIL import Image

from course_utils.notebook import plots
from course_utils.notebook.plots import style
from course_utils.notebook.plots.figures import alt_text, png, title_of

RING = torch.randn(50, 2)
TOKENS = ["the", "red", "cat", "sat", "down"]
CAUSAL = torch.ones(5, 5).triu(1).bool()
FIGURES = {
    "curves": lambda **o: plots.curves({"model": [3, 1], "reference": ([0, 1], [1, 1])}, **o),
    "loss_curve": lambda **o: plots.loss_curve(torch.rand(100), references={"best": 0.1}, **o),
    "scatter": lambda **o: plots.scatter({"clean": RING, "noisy": RING + 1}, **o),
    "strips": lambda **o: plots.strips({"model": {0: [1, 2], 1: [3]}}, references={"a": 2}, **o),
    "bars": lambda **o: plots.bars({"model": 0.9, "control: none": 0.1}, form="{:.0%}", **o),
    "histogram": lambda **o: plots.histogram(RING, density=lambda x: np.exp(-(x**2)), **o),
    "image_row": lambda **o: plots.image_row(torch.rand(3, 1, 8, 8), titles=["a", "b", "c"], **o),
    "image_grid": lambda **o: plots.image_grid(torch.rand(2, 3, 3, 8, 8), rows=["a", "b"], **o),
    "heatmap": lambda **o: plots.heatmap(torch.rand(5, 5), xticks=TOKENS, hidden=CAUSAL, **o),
}  # fmt: skip
each_figure = pytest.mark.parametrize("make", FIGURES.values(), ids=FIGURES)


@each_figure
def test_a_figure_is_light_and_has_its_title(make):
    figure = make(title="The finding is\nthat it works")
    assert title_of(figure) == "The finding is that it works"
    assert repr(figure) == "Figure: The finding is that it works"
    image = png(figure)
    size = figure.get_size_inches() * style.RESOLUTION * style.SHARPNESS
    assert Image.open(io.BytesIO(image)).size == tuple(size.astype(int))
    assert len(image) < 60_000


@each_figure
def test_a_figure_can_be_drawn_into_a_panel(make):
    figure, axes = plots.panels(2, title="Two")
    assert make(title="left", ax=axes[0]) is figure
    assert axes[0].get_title("left") == "left"
    assert title_of(figure) == "Two"
    assert len(png(figure)) > 1000


@each_figure
def test_the_axes_of_another_figure_are_refused(make):
    with pytest.raises(TypeError, match=r"plots\.panels"):
        make(ax=Figure().subplots())


def test_a_cell_shows_a_figure_once_with_its_alt_text():
    shell = InteractiveShell.instance()
    with capture_output() as captured:
        run = shell.run_cell(
            "import matplotlib.pyplot\n"
            "from course_utils.notebook import plots\n"
            "plots.curves({'model': [1, 2]}, title='Up', alt='A line that\\n rises.')"
        )
    assert run.success
    (shown,) = captured.outputs
    assert Image.open(io.BytesIO(base64.b64decode(shown.data["image/png"]))).width == 1200
    assert shown.metadata["image/png"] == {
        "width": 800,
        "height": 320,
        "alt": "Up. A line that rises.",
    }
    InteractiveShell.clear_instance()


@each_figure
def test_every_plot_takes_its_description(make):
    figure = make(title="Is it so?", alt="Nothing moves.")
    assert alt_text(figure) == "Is it so? Nothing moves."
    assert alt_text(make(title="It is so")) == "It is so"


def test_panels_gather_the_descriptions_of_what_is_drawn_into_them():
    figure, (left, right) = plots.panels(2, title="Two", alt="Side by side.")
    plots.curves({"model": [1, 2]}, alt="A line.", ax=left)
    plots.bars({"model": 1.0}, alt="A bar.", ax=right)
    assert alt_text(figure) == "Two. Side by side. A line. A bar."


def test_png_without_its_title_leaves_the_figure_as_it_was():
    figure = plots.curves({"model": [1, 2]}, title="A title")
    full = png(figure)
    assert png(figure, titled=False) != full
    assert png(figure) == full


def test_colours_follow_their_meaning():
    names = ["model, 10 steps", "first", "Clean digit", "second", "control: no time"]
    found = [style.color_of(name, names) for name in names]
    assert found == [plots.MODEL, plots.ACCENTS[0], plots.CLEAN, plots.ACCENTS[1], plots.CONTROL]
    assert style.role("modelled") is None
    assert style.role("") is None


@pytest.mark.parametrize("color", [*plots.ACCENTS, *style.ROLES.values()])
def test_labels_are_dark_enough_to_read(color):
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4
              for c in colors.to_rgb(style.readable(color))]  # fmt: skip
    luminance = np.dot(linear, [0.2126, 0.7152, 0.0722])
    assert 1.05 / (luminance + 0.05) >= 4.5  # contrast on white that WCAG asks for


def names_in(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_lines_are_named_at_their_ends_and_kept_apart():
    figure = plots.curves({"a": [0, 1.0], "b": [0, 1.04], "c": [0, 0.0]})
    heights = {text.get_text(): text.xy[1] for text in figure.axes[0].texts}
    assert heights["b"] - heights["a"] >= 0.08
    assert heights["c"] < 0.1
    assert max(heights.values()) <= 1
    assert figure.axes[0].get_legend() is None


def test_lines_that_end_together_are_named_above():
    figure = plots.curves({"a": [0, 1], "b": [2, 1]})
    assert names_in(figure) == []
    legend = figure.axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b"]


def test_references_and_logarithms():
    figure = plots.curves(
        {"DDIM": ([1, 10, 100], [1, 0.1, 0.02])}, logx=True, logy=True, references={"best": 0.01}
    )
    ax = figure.axes[0]
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert sorted(names_in(figure)) == ["DDIM", "best"]
    assert len(png(figure)) > 1000


@pytest.mark.parametrize("losses", [[2.0, math.nan, 1.0], [1.0], torch.ones(4), [0.0, 0.0]])
def test_odd_losses_are_drawn(losses):
    assert len(png(plots.loss_curve(losses))) > 1000


def test_losses_of_several_runs_and_of_a_history():
    class History:
        loss = torch.rand(10)

    figure = plots.loss_curve({"model": History(), "control": torch.rand(10) + 2})
    assert names_in(figure) == ["model", "control"] or sorted(names_in(figure)) == [
        "control",
        "model",
    ]


def test_the_running_average_does_not_lag():
    figure = plots.loss_curve(torch.linspace(1, 0, 400))
    smooth = figure.axes[0].get_lines()[-1].get_ydata()
    assert np.abs(smooth - np.linspace(1, 0, 400))[50:-50].max() < 0.01


def test_scatter_in_panels_shares_its_limits():
    figure = plots.scatter({"t = 0": {"clean": RING}, "t = 1": {"noisy": 5 * RING}})
    left, right = figure.axes
    assert left.get_xlim() == right.get_xlim()
    assert [ax.get_title("left") for ax in (left, right)] == ["t = 0", "t = 1"]


def test_images_are_laid_out_and_cut():
    images = torch.zeros(5, 1, 4, 4)
    images[0], images[1] = -9.0, 9.0
    figure = plots.image_grid(images, per_row=3)
    mosaic = figure.axes[0].images[0].get_array()
    step = (mosaic.shape[1] + round(0.09 * 64)) // 3
    corner = mosaic[::step, ::step, 0]
    assert np.array_equal(corner, [[0, 1, 0.5], [0.5, 0.5, 1]])


@pytest.mark.parametrize("shape", [(4, 4), (2, 4, 4), (2, 5, 4, 4), (0, 1, 4, 4)])
def test_images_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match="images must have shape"):
        plots.image_grid(torch.zeros(shape))


def test_strips_show_every_value_over_its_place():
    groups = {"model": {0: [0.5, 0.7], 2: torch.tensor([0.1])}, "control": {0: [0.2], 2: [0.3]}}
    (ax,) = plots.strips(groups, references={"chance": 0.1}).axes
    model, control, chance = ax.lines
    assert np.allclose(model.get_xydata(), [[-0.08, 0.5], [-0.08, 0.7], [1.92, 0.1]])
    assert np.allclose(control.get_xydata(), [[0.08, 0.2], [2.08, 0.3]])
    assert model.get_color() != control.get_color()
    assert list(chance.get_ydata()) == [0.1, 0.1]
    assert list(ax.get_xticks()) == [0, 2]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [*groups, "chance"]


def test_heatmaps_share_a_scale_and_hide_cells():
    figure = plots.heatmap(
        torch.stack([torch.eye(5), 3 * torch.eye(5)]), titles=["a", "b"], hidden=CAUSAL
    )
    first, second = (ax.collections[0] for ax in figure.axes[:2])
    assert first.get_clim() == second.get_clim() == (0, 3)
    assert int(np.ma.getmaskarray(first.get_array()).sum()) == 10
    assert plots.heatmap([[1.0, -2.0]], diverging=True).axes[0].collections[0].get_clim() == (-2, 2)


def test_heatmap_circles_what_is_marked():
    marked = torch.tensor([[False, True, False], [True, False, False]])
    figure = plots.heatmap(torch.rand(2, 2, 3), titles=["a", "b"], marked=marked)
    for ax in figure.axes[:2]:
        (circles,) = ax.lines
        assert circles.get_xydata().tolist() == [[1, 0], [0, 1]]  # (column, row)
        assert circles.get_markerfacecolor() == "none"
        assert circles.get_linestyle() == "None"


def test_heatmap_writes_numbers():
    figure = plots.heatmap([[0.0, 1.0]], form="{:.1f}")
    assert [(t.get_text(), t.get_color()) for t in figure.axes[0].texts] == [
        ("0.0", style.INK), ("1.0", "white"),
    ]  # fmt: skip
