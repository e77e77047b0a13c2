"""What a learner does to a training cell, and that nothing is lost by it."""

import os
import shutil
import signal

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


def train(model, loss=loss, **options):
    options = {"num_steps": 40, "batches": Batches(DATA, batch_size=32), **options}
    if rate := options.pop("rate", None):
        options["optimizer"] = adamw(model, rate)
    return fit(model, options.pop("batches"), loss, **options)


class At(Batches):
    """The batches, with something that happens while one of this sitting's is fetched."""

    def __init__(self, step, action):
        super().__init__(DATA, batch_size=32)
        self.step, self.action, self.count = step, action, -1  # the first look is no step

    def batch(self, index):
        self.count += 1
        if self.count == self.step:
            self.action()
        return super().batch(index)


def press():
    signal.raise_signal(signal.SIGINT)


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.fixture
def kept(monkeypatch):
    """Finished weights stay in their file."""
    monkeypatch.setattr(Run, "finish", Run.keep)


@pytest.fixture
def eager(monkeypatch):
    """Every step is saved."""
    monkeypatch.setattr(fitting, "SAVE_EVERY", 0)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.safetensors"


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
        ({"num_steps": 5}, "num_steps: 40 in the file, 5 here"),
        ({"rate": 0.1}, r"learning_rate: \[0.003, 0.003\] in the file, \[0.1, 0.1\] here"),
        ({"lr_schedule": constant}, "'warmup_cosine' in the file, 'constant' here"),
        ({"batches": Batches(DATA, batch_size=16)}, "'batch_size': 32.*'batch_size': 16"),
        ({"batches": Batches(DATA, batch_size=32, seed=1)}, "'seed': 0.*'seed': 1"),
    ],
)
def test_a_recipe_changed_after_an_interruption_is_not_mixed_in(path, change, message):
    with pytest.raises(KeyboardInterrupt):
        train(make(), batches=At(7, press), checkpoint=path)
    saved = path.read_bytes()
    with pytest.raises(CheckpointError, match=f"{message}.*restart=True"):
        train(make(), checkpoint=path, **change)
    assert path.read_bytes() == saved
    train(make(), checkpoint=path, restart=True, **change)
    assert not path.exists()


def test_another_network_is_refused_even_with_as_many_weights(kept, path):
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
    with pytest.raises(CheckpointError, match=r"model\.0\.bias: \[2\] in the file, None here"):
        train(three, checkpoint=path)


def test_an_impatient_second_press_does_not_cost_the_save(path, whole, monkeypatch):
    fsync, presses = os.fsync, []

    def slow_disk(handle):
        presses.append(press())
        fsync(handle)

    monkeypatch.setattr(os, "fsync", slow_disk)
    with pytest.raises(KeyboardInterrupt, match="after step 7 of 40; saved"):
        train(make(), batches=At(7, press), checkpoint=path)
    assert len(presses) == 1
    monkeypatch.undo()
    model = make()
    train(model, checkpoint=path)
    assert torch.equal(weights(model), whole)


def test_a_press_during_a_save_on_the_way_is_heard(eager, path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda handle: press())
    with pytest.raises(KeyboardInterrupt, match="after step 1 of 40; saved"):
        train(make(), checkpoint=path)


def test_a_second_press_in_a_long_step_stops_at_once_and_keeps_the_earlier_save(path, whole):
    with pytest.raises(KeyboardInterrupt, match="after step 7"):
        train(make(), batches=At(7, press), checkpoint=path)
    saved = path.read_bytes()
    with pytest.raises(KeyboardInterrupt, match="stopped inside a step; what was saved before"):
        train(make(), batches=At(5, lambda: (press(), press())), checkpoint=path)
    assert path.read_bytes() == saved
    model = make()
    train(model, checkpoint=path)
    assert torch.equal(weights(model), whole)


def test_interrupted_again_and_again_it_still_ends_the_same(path, whole):
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            train(make(), batches=At(6, press), checkpoint=path)
    model = make()
    train(model, checkpoint=path)
    assert torch.equal(weights(model), whole)


def test_a_full_disk_is_a_warning_and_the_training_ends(eager, path, whole, monkeypatch):
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
        train(make(), batches=At(7, press), checkpoint=path)


def test_weights_that_must_be_kept_but_cannot_are_an_error(kept, path, monkeypatch):
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        train(make(), checkpoint=path)


def test_the_folder_may_be_deleted_while_training(eager, tmp_path, whole):
    path, model = tmp_path / ".course" / "checkpoints" / "run.safetensors", make()
    train(model, batches=At(20, lambda: shutil.rmtree(tmp_path / ".course")), checkpoint=path)
    assert torch.equal(weights(model), whole)


def test_two_notebooks_with_one_name_do_not_mix(path, whole):
    with pytest.raises(KeyboardInterrupt):
        train(make(), batches=At(7, press), checkpoint=path)
    with pytest.raises(CheckpointError, match="belongs to another configuration"):
        train(nn.Linear(3, 1), checkpoint=path)
    other = make()
    train(other, checkpoint=path)  # the same recipe goes on where the first stopped, and removes it
    assert torch.equal(weights(other), whole)
    first = make()
    train(first, checkpoint=path)
    assert torch.equal(weights(first), whole)


def test_nan_says_where_and_leaves_the_last_save(eager, path):
    def poisoned(model, batch):
        return loss(model, batch) * (float("nan") if batch[0].equal(bad) else 1)

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
    with pytest.raises(TypeError, match="not JSON serializable"):
        train(model, checkpoint=path)
    assert torch.equal(weights(model), before)


def test_a_tuple_in_the_configuration_fits_its_own_file(kept, path, capsys):
    for model in (make(), make()):
        model.config = {"widths": (8, 16)}
        train(model, checkpoint=path)
    assert "Loaded" in capsys.readouterr().out


def test_what_follows_is_the_same_whether_it_was_trained_or_loaded(kept, path):
    train(make(), checkpoint=path)
    expected = torch.rand(3)
    train(make(), checkpoint=path)
    assert torch.equal(torch.rand(3), expected)


def test_shipped_weights_of_another_recipe_are_trained_here(kept, path, capsys):
    train(make(), checkpoint=path)
    tensors, description = load_checkpoint(path)
    save_checkpoint(path, tensors, **description, shipped=True)
    train(make(), checkpoint=path)
    assert "Loaded the trained weights" in capsys.readouterr().out
    with pytest.raises(KeyboardInterrupt, match="saved"):
        train(make(), batches=At(7, press), checkpoint=path, num_steps=60)
    assert "another configuration (num_steps: 40 in the file, 60" in capsys.readouterr().out
    history = train(make(), checkpoint=path, num_steps=60)
    assert "Resumed run.safetensors at step 7 of 60." in capsys.readouterr().out
    assert len(history.loss) == 60


def test_running_a_finished_cell_again_trains_again(path, capsys):
    model = make()
    for _ in range(2):
        assert len(train(model, checkpoint=path).loss) == 40
    assert capsys.readouterr().out == ""
    assert not path.exists()


def test_training_longer_goes_on_and_says_what_that_means(path, capsys):
    with pytest.raises(KeyboardInterrupt):
        train(make(), batches=At(7, press), checkpoint=path)
    history = train(make(), checkpoint=path, num_steps=60)
    said = capsys.readouterr().out
    assert "Resumed run.safetensors at step 7 of 60." in said
    assert "planned for 40 steps: the learning rate follows the plan for 60 from here on." in said
    assert len(history.loss) == 60


def test_finished_weights_can_be_trained_longer(kept, path, capsys):
    train(make(), checkpoint=path)
    assert len(train(make(), checkpoint=path, num_steps=60).loss) == 60
    assert "the optimizer begins anew" in capsys.readouterr().out


def test_another_seed_is_said(path, capsys):
    with pytest.raises(KeyboardInterrupt):
        train(make(), batches=At(7, press), checkpoint=path)
    model = make()
    torch.manual_seed(8)
    train(model, checkpoint=path)
    assert "goes on with its own seed, 3, not 8" in capsys.readouterr().out


def test_weights_that_are_not_finite_never_replace_good_ones(eager, path):
    model = make()

    def spoil():
        with torch.no_grad():
            model[0].bias.fill_(float("nan"))

    with pytest.raises(FloatingPointError, match=r"step 6: .*so are some of the weights"):
        train(model, batches=At(5 + 1, spoil), checkpoint=path)
    tensors, _ = load_checkpoint(path)
    assert len(tensors["loss"]) == 5
    assert all(bool(x.isfinite().all()) for x in tensors.values())


def test_after_a_stop_the_model_is_in_evaluation_mode_while_the_traceback_lives():
    model = make()
    with pytest.raises(KeyboardInterrupt) as caught:
        train(model, batches=At(3, press))
    assert caught.tb is not None
    assert not model.training
