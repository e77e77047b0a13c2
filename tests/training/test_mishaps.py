"""What a learner does to a training cell, and that nothing is lost by it."""

import os
import shutil
import signal
from functools import partial

import pytest
import torch
from torch import nn

from course_utils.data import Batches
from course_utils.training import (
    CheckpointError,
    adamw,
    constant,
    fit,
    fitting,
    load_checkpoint,
    save_checkpoint,
)
from course_utils.training.run import Run

DATA = torch.randn(256, 3, generator=torch.Generator().manual_seed(0))


def loss(model, batch):
    """Uses torch's random state, as the real losses do."""
    (x,) = batch
    return (model(x) - x.sum(1, keepdim=True) + 0.1 * torch.randn(len(x), 1)).square().mean()


def make():
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))


def train(model, loss=loss, optimizer=adamw, **options):
    options = {"num_steps": 40, "batches": Batches(DATA, batch_size=32), **options}
    return fit(model, options.pop("batches"), loss, optimizer=optimizer(model), **options)


def during(step, action):
    """The model of `make`, and something that happens during one of its calls."""
    model, calls = make(), []

    def hook(*_):
        calls.append(1)
        if len(calls) == step:
            action()

    model.register_forward_hook(hook)
    return model


def press():
    signal.raise_signal(signal.SIGINT)


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.safetensors"


@pytest.fixture
def often(monkeypatch):
    """A save after each step."""
    monkeypatch.setattr(fitting, "SAVE_EVERY", 0)


@pytest.fixture
def kept(monkeypatch):
    """The file of a training that is done stays, as it does when weights are shipped."""
    monkeypatch.setattr(Run, "finish", Run.save)


@pytest.fixture
def whole():
    """The weights of a run that nothing disturbed."""
    model = make()
    train(model)
    return weights(model)


def full_disk(*args):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_steps": 30}, "num_steps: 40 in the file, 30 here"),
        (
            {"optimizer": partial(adamw, learning_rate=0.1)},
            "lr of group 0: 0.003 in the file, 0.1 here",
        ),
        (
            {"optimizer": partial(adamw, weight_decay=0.1)},
            "weight_decay of group 0: 0.01 in the file, 0.1 here",
        ),
        (
            {"optimizer": lambda m: torch.optim.Adam(m.parameters(), 0.003)},
            "optimizer: 'AdamW' in the file, 'Adam' here",
        ),
        ({"lr_schedule": constant}, "'warmup_cosine' in the file, 'constant' here"),
        ({"batches": Batches(DATA, batch_size=16)}, "'batch_size': 32.*'batch_size': 16"),
        ({"batches": Batches(DATA, batch_size=32, seed=1)}, "'seed': 0.*'seed': 1"),
    ],
)
def test_a_recipe_changed_after_an_interruption_is_not_mixed_in(path, change, message):
    with pytest.raises(KeyboardInterrupt):
        train(during(7, press), checkpoint=path)
    saved = path.read_bytes()
    with pytest.raises(CheckpointError, match=f"{message}.*restart=True"):
        train(make(), checkpoint=path, **change)
    assert path.read_bytes() == saved
    train(make(), checkpoint=path, restart=True, **change)
    assert not path.exists()


@pytest.mark.usefixtures("kept")
def test_another_network_is_refused_even_with_as_many_weights(path):
    train(make(), checkpoint=path)
    relu = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1))
    with pytest.raises(CheckpointError, match="Tanh' in the file, .*ReLU' here"):
        train(relu, checkpoint=path)
    path.unlink()
    two = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))  # 8 + 3 weights
    three = nn.Sequential(
        nn.Linear(3, 2, bias=False), nn.Linear(2, 1), nn.Linear(1, 1)
    )  # 6 + 3 + 2
    train(two, checkpoint=path)
    with pytest.raises(CheckpointError, match="weights in group 0: 2 in the file, 3 here"):
        train(three, checkpoint=path)


def test_an_impatient_second_press_does_not_cost_the_save(path, whole, monkeypatch):
    fsync, presses = os.fsync, []

    def slow_disk(handle):
        presses.append(press())
        fsync(handle)

    monkeypatch.setattr(os, "fsync", slow_disk)
    with pytest.raises(KeyboardInterrupt, match="after step 7 of 40; saved"):
        train(during(7, press), checkpoint=path)
    assert len(presses) == 1
    monkeypatch.undo()
    model = make()
    train(model, checkpoint=path)
    assert torch.equal(weights(model), whole)


@pytest.mark.usefixtures("often")
def test_a_press_during_a_save_on_the_way_is_heard(path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda handle: press())
    with pytest.raises(KeyboardInterrupt, match="after step 1 of 40; saved"):
        train(make(), checkpoint=path)


def test_a_second_press_in_a_long_step_stops_at_once_and_keeps_the_earlier_save(path, whole):
    with pytest.raises(KeyboardInterrupt, match="after step 7"):
        train(during(7, press), checkpoint=path)
    saved = path.read_bytes()
    with pytest.raises(KeyboardInterrupt, match="stopped inside a step; what was saved before"):
        train(during(5, lambda: (press(), press())), checkpoint=path)
    assert path.read_bytes() == saved
    model = make()
    train(model, checkpoint=path)
    assert torch.equal(weights(model), whole)


def test_interrupted_again_and_again_it_still_ends_the_same(path, whole):
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            train(during(6, press), checkpoint=path)
    model = make()
    train(model, checkpoint=path)
    assert torch.equal(weights(model), whole)


@pytest.mark.usefixtures("often")
def test_a_full_disk_is_a_warning_and_the_training_ends(path, whole, monkeypatch):
    monkeypatch.setattr(os, "fsync", full_disk)
    model = make()
    with pytest.warns(UserWarning, match=r"could not be saved .*No space left.*training goes on"):
        train(model, checkpoint=path)
    assert torch.equal(weights(model), whole)
    assert not list(path.parent.iterdir())  # nor a half-written file


def test_interrupted_on_a_full_disk_it_does_not_claim_to_be_saved(path, monkeypatch):
    monkeypatch.setattr(os, "fsync", full_disk)
    with (
        pytest.warns(UserWarning, match="could not be saved"),
        pytest.raises(KeyboardInterrupt, match=r"step 7 of 40; run.safetensors could not be saved"),
    ):
        train(during(7, press), checkpoint=path)


@pytest.mark.usefixtures("often")
def test_the_folder_may_be_deleted_while_training(tmp_path, whole):
    path = tmp_path / ".course" / "checkpoints" / "run.safetensors"
    model = during(20, lambda: shutil.rmtree(tmp_path / ".course"))
    train(model, checkpoint=path)
    assert torch.equal(weights(model), whole)


def test_two_notebooks_with_one_name_do_not_mix(path, whole):
    with pytest.raises(KeyboardInterrupt):
        train(during(7, press), checkpoint=path)
    with pytest.raises(CheckpointError, match="belongs to another training"):
        train(nn.Linear(3, 1), checkpoint=path)
    other = make()
    train(other, checkpoint=path)  # the same recipe goes on where the first stopped, and removes it
    assert torch.equal(weights(other), whole)
    first = make()
    train(first, checkpoint=path)
    assert torch.equal(weights(first), whole)


@pytest.mark.usefixtures("often")
def test_nan_says_where_and_leaves_the_last_save(path):
    def poisoned(model, batch):
        return loss(model, batch) * (float("nan") if batch[0].equal(bad) else 1)

    poisoned.__name__ = "loss"
    (bad,) = Batches(DATA, batch_size=32)[5]
    model = make()
    with pytest.raises(FloatingPointError, match=r"stopped at step 6: loss is nan.*smaller"):
        train(model, poisoned, checkpoint=path)
    tensors, _ = load_checkpoint(path)
    assert len(tensors["loss"]) == 5
    assert bool(torch.isfinite(weights(model)).all())


def test_what_cannot_be_written_to_a_file_fails_before_the_training(path):
    model = make()
    model.config = {"schedule": object()}
    before = weights(model)
    with pytest.raises(ValueError, match="got Object of type object.*or leave out checkpoint"):
        train(model, checkpoint=path)
    assert torch.equal(weights(model), before)


@pytest.mark.usefixtures("kept")
def test_a_tuple_in_the_configuration_fits_its_own_file(path, capsys):
    for model in (make(), make()):
        model.config = {"widths": (8, 16)}
        train(model, checkpoint=path)
    assert "Loaded" in capsys.readouterr().out


@pytest.mark.usefixtures("kept")
def test_what_follows_is_the_same_whether_it_was_trained_or_loaded(path):
    drawn = []
    for _ in range(2):
        train(make(), checkpoint=path)
        drawn.append(torch.rand(3))
    assert torch.equal(*drawn)


@pytest.mark.usefixtures("kept")
def test_shipped_weights_of_another_recipe_are_trained_here(path, capsys):
    train(make(), checkpoint=path)
    tensors, description = load_checkpoint(path)
    save_checkpoint(path, tensors, **description, shipped=True)
    train(make(), checkpoint=path)
    assert "Loaded the trained weights" in capsys.readouterr().out
    with pytest.raises(KeyboardInterrupt, match="saved"):
        train(during(7, press), checkpoint=path, num_steps=60)
    assert "another training (num_steps: 40 in the file, 60" in capsys.readouterr().out
    history = train(make(), checkpoint=path, num_steps=60)
    assert "Resumed run.safetensors at step 7 of 60." in capsys.readouterr().out
    assert len(history.loss) == 60


def test_running_a_finished_cell_again_trains_again(path, capsys):
    model = make()
    for _ in range(2):
        assert len(train(model, checkpoint=path).loss) == 40
    assert capsys.readouterr().out == ""
    assert not path.exists()
