"""What moves, sounds and has depth: what is in the files that a page carries."""

import base64
import io
import itertools
import wave

import numpy as np
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from PIL import Image

from course_utils.notebook import plots
from course_utils.notebook.plots.moving import seen_from


def frames(count=3, **options):
    random = torch.Generator().manual_seed(0)
    return [
        plots.image_row(torch.rand(4, 1, 8, 8, generator=random), title="It moves", **options)
        for _ in range(count)
    ]


def test_an_animation_is_a_png_of_all_frames_that_runs_for_ever():
    moving = plots.animation(frames(alt="four"), seconds=0.15)
    image = Image.open(io.BytesIO(moving.data))
    assert image.format == "PNG"
    assert image.n_frames == 3
    assert image.info["loop"] == 0
    assert image.info["duration"] == 150
    seen = []
    for number in range(3):
        image.seek(number)
        seen.append(np.asarray(image.convert("RGB")).astype(int))
    assert all(np.abs(a - b).max() > 50 for a, b in itertools.pairwise(seen))
    assert len(moving.data) < 60_000


def test_an_animation_is_shown_once_with_its_words():
    InteractiveShell.instance()
    with capture_output() as page:
        plots.animation(frames(alt="four squares"))._ipython_display_()
    (shown,) = page.outputs
    assert shown.data["text/plain"] == "Animation: It moves"
    assert base64.b64decode(shown.data["image/png"])[:4] == b"\x89PNG"
    assert shown.metadata["image/png"]["alt"] == "It moves. four squares"


def test_animations_of_nothing_or_of_unequal_figures_are_refused():
    with pytest.raises(ValueError, match="two figures or more.*got 1 figures"):
        plots.animation(frames(1))
    with pytest.raises(ValueError, match="seconds=0"):
        plots.animation(frames(), seconds=0)
    with pytest.raises(ValueError, match="one size"):
        plots.animation([*frames(), *frames(1, width=5.0)])


def test_a_player_carries_the_samples():
    sound = torch.linspace(-2, 1, 800)
    shown = plots.player({"a <note>": sound}, rate=8000)
    with wave.open(io.BytesIO(shown.files["a <note>"])) as file:
        assert file.getframerate() == 8000
        assert file.getnchannels() == 1
        back = np.frombuffer(file.readframes(800), dtype="<i2") / 32767
    assert np.abs(back - sound.clamp(-1, 1).numpy()).max() < 1e-4
    page = shown._repr_html_()
    assert "a &lt;note&gt;" in page
    assert "<audio controls" in page
    assert repr(shown) == "Sounds to play: a <note>"
    for wrong in (torch.zeros(2, 8), torch.tensor([float("nan")]), torch.zeros(0)):
        with pytest.raises(ValueError, match="finite samples"):
            plots.player({"wrong": wrong}, rate=8000)


def test_a_point_is_where_the_eye_sees_it():
    points = np.eye(3)
    right, up, near = seen_from(points, 0, 0)  # from the front: x to the right, y away, z up
    assert right == pytest.approx([1, 0, 0])
    assert up == pytest.approx([0, 0, 1])
    assert near == pytest.approx([0, -1, 0])
    assert seen_from(points, 90, 0)[0] == pytest.approx([0, -1, 0])  # a quarter turn
    assert seen_from(points, 0, 90)[1] == pytest.approx([0, 1, 0])  # from above
    turned = seen_from(points, 33, 21)
    assert turned @ turned.T == pytest.approx(np.eye(3))  # a rotation


def test_clouds_stand_side_by_side():
    figure = plots.clouds({"model": torch.randn(50, 3), "clean": torch.randn(20, 3)}, title="Two")
    assert [ax.get_title("left") for ax in figure.axes] == ["model", "clean"]
    assert len(plots.png(figure)) < 60_000
    with pytest.raises(ValueError, match=r"\(N, 3\) finite numbers; got shape \(5, 2\)"):
        plots.clouds({"flat": torch.randn(5, 2)})


def test_what_cannot_be_played_or_seen_is_refused():
    with pytest.raises(ValueError, match="floating point"):
        plots.player({"integers": torch.ones(9, dtype=torch.int64)}, rate=8000)
    for sounds, rate in (({}, 8000), ({"a": torch.zeros(9)}, 0)):
        with pytest.raises(ValueError, match="expected sounds and rate above 0"):
            plots.player(sounds, rate=rate)
    for clouds, lift in (({}, 0), ({"a": torch.zeros(4, 3)}, 500)):
        with pytest.raises(ValueError, match="lift in -90 to 90"):
            plots.clouds(clouds, lift=lift)
    with pytest.raises(ValueError, match="finite"):
        plots.clouds({"a": torch.full((4, 3), float("nan"))})
