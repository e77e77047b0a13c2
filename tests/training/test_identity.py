"""A checkpoint goes on only with what it was begun with."""

import types
from functools import partial

import pytest
import torch
from torch import nn

from course_utils import diffusion, language, measure
from course_utils.data import Batches, ring, spiral
from course_utils.diffusion import Denoiser, PointMLP, Schedule
from course_utils.training import (
    CheckpointError,
    fit,
    load_checkpoint,
    save_checkpoint,
    warmup_cosine,
)
from course_utils.training.content import Content
from course_utils.training.run import Run

DATA = torch.randn(80, 2, generator=torch.Generator().manual_seed(0))


def size_loss(model, batch, power=2.0):
    return model(batch[0]).abs().pow(power).mean()


@pytest.fixture(autouse=True)
def kept(monkeypatch):
    """The file of a training that is done stays, as it does when weights are shipped."""
    monkeypatch.setattr(Run, "finish", Run.save)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.safetensors"


def run(path, data=DATA, loss=size_loss, seed=0, num_steps=10, **options):
    torch.manual_seed(seed)
    model = options.pop("model", None) or nn.Linear(2, 1)
    return fit(
        model, Batches(data, batch_size=8), loss, num_steps=num_steps, checkpoint=path, **options
    )


def test_the_same_training_is_known_again(path, capsys):
    run(path, data=DATA.clone())
    run(path)
    assert "Loaded the trained weights" in capsys.readouterr().out


def test_ring_and_then_spiral_under_one_name(path):
    generator = torch.Generator().manual_seed(0)
    run(path, data=ring(800, generator=generator))
    with pytest.raises(
        CheckpointError, match=r"belongs to another training \(data: .*restart=True"
    ):
        run(path, data=spiral(800, generator=generator))


def test_data_of_the_same_mean_and_spread_is_told_apart(path):
    run(path)
    changed = DATA.clone()
    rows = Batches(torch.arange(len(DATA)), batch_size=8)[0][0]
    changed[rows[-1]] = torch.nextafter(DATA[rows[-1]], torch.tensor(9.0))  # in its last bits
    with pytest.raises(CheckpointError, match=r"\(bytes of batch 0: '\w{12}' in the file"):
        run(path, data=changed)


def test_another_seed_is_told_and_how_to_go_on(path, capsys):
    run(path, seed=4)
    with pytest.raises(
        CheckpointError, match=r"\(seed: 4 in the file, 5 here\). To go on, .*manual_seed\(4\)"
    ):
        run(path, seed=5)
    run(path, seed=4)
    assert "Loaded" in capsys.readouterr().out


def closing_over(setting):
    def loss(model, batch):
        return size_loss(model, batch) * setting

    return loss


class Weighted:
    def __init__(self, weight):
        self.weight = weight

    def __call__(self, model, batch):
        return size_loss(model, batch) * self.weight


def notebook(text):
    """A function `loss` as a cell defines it."""
    scope = {"__name__": "__main__", "size_loss": size_loss, "torch": torch}
    exec(text, scope)
    return scope["loss"]


READS = "WEIGHT = {}\ndef loss(model, batch):\n    return size_loss(model, batch) * WEIGHT"
CALLS = (
    "def inner(x):\n    return x {} 2\n"
    "def loss(model, batch):\n    return inner(size_loss(model, batch))"
)
PAIRS = {
    "partial": [partial(size_loss, power=2.0), partial(size_loss, power=3.0)],
    "partial of a partial": [partial(partial(size_loss, power=p)) for p in (2.0, 3.0)],
    "closure": [closing_over(1.0), closing_over(2.0)],
    "closure over a tensor": [closing_over(torch.ones(())), closing_over(torch.ones(()) * 2)],
    "default": [lambda m, b, p=2.0: size_loss(m, b, p), lambda m, b, p=3.0: size_loss(m, b, p)],
    "constant": [lambda m, b: size_loss(m, b) * 2, lambda m, b: size_loss(m, b) * 3],
    "operator": [lambda m, b: size_loss(m, b) * 2, lambda m, b: size_loss(m, b) + 2],
    "state": [Weighted(1.0), Weighted(2.0)],
    "method": [Weighted(1.0).__call__, Weighted(2.0).__call__],
    "global of the notebook": [notebook(READS.format(1)), notebook(READS.format(2))],
    "function of the notebook": [notebook(CALLS.format("*")), notebook(CALLS.format("+"))],
}


@pytest.mark.parametrize("kind", PAIRS)
def test_losses_of_one_name_are_told_apart(kind, path):
    one, other = PAIRS[kind]
    run(path, loss=one)
    with pytest.raises(CheckpointError, match=r"\(code of the loss: '\w{12}' in the file"):
        run(path, loss=other)


def test_a_loss_that_is_defined_again_is_the_same(path, capsys):
    again = [
        lambda: closing_over(torch.ones(2).sum()),
        lambda: notebook(READS.format(1)),
        lambda: Weighted({"a": 1.0}["a"]),
    ]
    for index, make in enumerate(again):
        file = path.with_stem(f"run{index}")
        run(file, loss=make())
        run(file, loss=make())
        assert "Loaded" in capsys.readouterr().out


def test_what_a_loss_counts_is_not_what_it_is_made_of(path, capsys):
    counting = "count = {}\ndef loss(model, batch):\n    global count\n    count += 1\n"
    counting += "    return size_loss(model, batch)"
    run(path, loss=notebook(counting.format(0)))
    run(path, loss=notebook(counting.format(7)))
    assert "Loaded" in capsys.readouterr().out


def test_a_schedule_of_the_rate_is_told_by_its_settings(path):
    run(path, lr_schedule=partial(warmup_cosine, warmup=0.1))
    with pytest.raises(CheckpointError, match=r"\(code of lr_schedule"):
        run(path, lr_schedule=partial(warmup_cosine, warmup=0.2))


@pytest.mark.parametrize(
    ("held", "named"),
    [(torch.Generator(), "a torch.Generator, whose state"), (iter([1]), "builtins.list_iterator")],
)
def test_a_loss_that_cannot_be_told_from_others_is_refused(held, named, path):
    loss = closing_over(held)
    with pytest.raises(ValueError, match=f"know loss_fn again, and cannot: it holds .*{named}"):
        run(path, loss=loss)
    assert not path.exists()


class Scaled(nn.Linear):
    def __init__(self, scale):
        super().__init__(2, 1)
        self.scale = scale

    def forward(self, x):
        return super().forward(x) * self.scale


def test_a_setting_inside_the_network_is_told_apart(path):
    run(path, model=Scaled(1.0))
    with pytest.raises(CheckpointError, match=r"\(network: "):
        run(path, model=Scaled(2.0))


def test_a_network_that_the_notebook_defines_anew_is_told_apart(path):
    def net(body):
        scope = {"__name__": "__main__", "nn": nn}
        text = "class Net(nn.Linear):\n    def forward(self, x):\n        return super().forward(x)"
        exec(text + body, scope)
        return scope["Net"](2, 1)

    run(path, model=net(" * 1"))
    run(path, model=net(" * 1"))
    with pytest.raises(CheckpointError, match=r"\(network: "):
        run(path, model=net(" * 2"))


def test_the_losses_of_the_course_have_an_identity():
    losses = [
        diffusion.denoising_loss,
        language.next_token_loss,
        measure.classification_loss,
    ]
    digests = {Content({}).digest("loss", loss) for loss in losses}
    assert len(digests) == 3


def test_a_loss_that_holds_itself_or_the_model_ends(path, capsys):
    model = nn.Linear(2, 1)
    holder = types.SimpleNamespace(model=model)
    holder.me = holder
    for _ in range(2):  # the second time with other weights
        run(path, model=model, loss=partial(lambda held, m, b: size_loss(m, b), holder))
    assert "Loaded" in capsys.readouterr().out


def test_training_longer_goes_on_and_says_what_becomes_of_the_rate(path, capsys):
    run(path, num_steps=50)
    history = run(path, num_steps=100)
    assert capsys.readouterr().out == (
        "Resumed run.safetensors at step 50 of 100.\n"
        "It was begun for 50 steps; the longer schedule moves the learning rate from 0% to 54% of "
        "its peak.\n"
    )
    assert len(history.loss) == 100
    with pytest.raises(CheckpointError, match="num_steps: 100 in the file, 50 here"):
        run(path, num_steps=50)


def test_training_longer_with_another_loss_is_refused(path):
    run(path)
    with pytest.raises(CheckpointError, match="code of the loss"):
        run(path, num_steps=20, loss=partial(size_loss, power=3.0))


def test_shipped_weights_are_asked_for_what_is_the_same_on_every_machine(path, capsys):
    run(path)
    tensors, description = load_checkpoint(path)
    save_checkpoint(path, tensors, **description, shipped=True)
    other_bits = torch.nextafter(DATA, torch.tensor(9.0))
    run(path, data=other_bits)
    assert "Loaded" in capsys.readouterr().out
    run(path, data=other_bits * 2)
    assert "The shipped weights are of another training (data: " in capsys.readouterr().out


def test_a_file_that_fit_did_not_write_is_refused(path):
    save_checkpoint(path, {"weight": torch.zeros(2)}, step=1)
    with pytest.raises(CheckpointError, match="not written by fit: it has no config"):
        run(path)


def test_a_schedule_of_ones_own_is_told_by_name_and_settings():
    class Square(Schedule):
        def __init__(self, power):
            self.power = power

    assert Denoiser(PointMLP(), Square(2)).config["schedule"] == "Square(power=2)"
