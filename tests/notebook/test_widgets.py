"""The slider: it redraws, keeps frames, names itself in text, and survives a figure that fails."""

import pytest
import torch

from course_utils.notebook import plots, widgets

CALLS: list[dict] = []


def show(t=0.5, schedule="linear"):
    CALLS.append({"t": t, "schedule": schedule})
    if t == 0.75:
        raise ValueError("no <figure> for this t")
    return plots.curves({"model": [0, t]}, title=f"{schedule} & t = {t:g}", size=plots.SQUARE)


@pytest.fixture(autouse=True)
def fresh():
    CALLS.clear()


def test_moving_a_control_redraws_and_frames_are_kept():
    box = widgets.slider(show, t=[0.0, 0.5, 1.0], schedule=["linear", "cosine"])
    slider, menu, label, image = box.children
    assert CALLS == [{"t": 0.0, "schedule": "linear"}]
    assert label.value == "<strong>linear &amp; t = 0</strong>"
    first = bytes(image.value)
    assert first.startswith(b"\x89PNG")
    slider.value = 0.5
    menu.value = "cosine"
    assert CALLS[1:] == [{"t": 0.5, "schedule": "linear"}, {"t": 0.5, "schedule": "cosine"}]
    assert "cosine &amp; t = 0.5" in label.value
    assert bytes(image.value) != first
    menu.value, slider.value = "linear", 0.0
    assert len(CALLS) == 3  # both frames were known
    assert bytes(image.value) == first


def test_each_kind_of_value_gets_its_control():
    box = widgets.slider(
        lambda **_: plots.curves({"a": [1]}),
        num_steps=torch.tensor([1, 5]),
        share=torch.linspace(0, 1, 11),
        schedule=list("abcde"),
        masked=[True, False],
    )
    kinds = [type(control).__name__ for control in box.children[:4]]
    assert kinds == ["SelectionSlider", "SelectionSlider", "Dropdown", "Dropdown"]
    steps, share, _, masked = box.children[:4]
    assert steps.description == "num steps"
    assert type(steps.value) is int
    assert [text for text, _ in share.options][:4] == ["0", "0.1", "0.2", "0.3"]
    assert masked.value is True


def test_a_figure_that_fails_says_so_and_the_next_one_is_drawn():
    box = widgets.slider(show, t=[0.0, 0.75, 1.0])
    slider, label, _ = box.children
    slider.value = 0.75
    assert "could not be drawn. ValueError: no &lt;figure&gt; for this t" in label.value
    slider.value = 1.0
    assert label.value == "<strong>linear &amp; t = 1</strong>"


def test_a_first_figure_that_fails_raises():
    with pytest.raises(ValueError, match="no <figure>"):
        widgets.slider(show, t=[0.75])


def test_without_values_there_is_no_slider():
    for choices in ({}, {"t": []}):
        with pytest.raises(ValueError, match="at least one argument with values"):
            widgets.slider(show, **choices)


def test_the_text_that_stands_for_it_is_short():
    box = widgets.slider(show, t=[0.0], schedule=["linear"])
    assert (
        repr(box)
        == "[Run this cell for a slider over t and schedule; the next figure is one of its views.]"
    )
    assert len(repr(box)) <= 110  # where ipywidgets would cut it
