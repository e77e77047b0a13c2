"""A checkpoint goes on only with what it was begun with."""

import io
import signal
from functools import partial

import pytest
import torch
from torch import nn

from course_utils.data import Batches
from course_utils.diffusion import Denoiser, PointMLP, Schedule
from course_utils.training import CheckpointError, adamw, fit, loop, save_checkpoint, train_steps
from course_utils.training.run import Run

DATA = torch.randn(80, 3, generator=torch.Generator().manual_seed(0))


def size_loss(model, batch):
    return model(batch[0]).square().mean()


def run(path, data=DATA, loss=size_loss, **options):
    torch.manual_seed(0)
    model = nn.Linear(3, 1)
    batches = Batches(data, batch_size=8)
    return fit(model, batches, loss, num_steps=10, checkpoint=path, **options)


@pytest.fixture
def kept(monkeypatch):
    """Finished weights stay in their file, so that another training finds them."""
    monkeypatch.setattr(Run, "finish", Run.keep)


def test_other_data_is_refused(kept, tmp_path):
    path = tmp_path / "run.safetensors"
    run(path)
    with pytest.raises(CheckpointError, match=r"data: .*in the file"):
        run(path, data=DATA * 100 + 7)


def test_data_of_the_same_mean_and_spread_is_refused(kept, tmp_path):
    """A ring and a spiral: what a rounded summary cannot tell apart."""
    path = tmp_path / "run.safetensors"
    run(path)
    with pytest.raises(CheckpointError, match="first batch: .* in the file"):
        run(path, data=-DATA.flip(1).neg())
    run(path)


def scaled(model, batch, scale):
    return scale * size_loss(model, batch)


class Scaled:
    def __init__(self, scale):
        self.scale = scale

    def __call__(self, model, batch):
        return scaled(model, batch, self.scale)


def closure(scale):
    def loss(model, batch):
        return scaled(model, batch, scale)

    return loss


def default(scale):
    def loss(model, batch, scale=scale):
        return scaled(model, batch, scale)

    return loss


LOSSES = {
    "partial": lambda scale: partial(scaled, scale=scale),
    "object": Scaled,
    "method": lambda scale: Scaled(scale).__call__,
    "closure": closure,
    "default": default,
    "tensor": lambda scale: closure(torch.tensor(scale)),
    "lambda": lambda scale: lambda model, batch: scaled(model, batch, scale),
}


@pytest.mark.parametrize("make", LOSSES.values(), ids=LOSSES)
def test_a_loss_with_another_setting_is_refused(kept, tmp_path, make, capsys):
    path = tmp_path / "run.safetensors"
    run(path, loss=make(1.0))
    run(path, loss=make(1.0))
    assert "Loaded the trained weights" in capsys.readouterr().out
    with pytest.raises(CheckpointError, match="loss: .* in the file"):
        run(path, loss=make(2.0))


def test_a_loss_written_anew_under_its_name_is_refused(kept, tmp_path):
    path = tmp_path / "run.safetensors"
    spaces = [{"factor": 3.0}, {"factor": 4.0}, {"factor": 3.0}]
    body = "def loss(model, batch):\n    return factor * model(batch[0]).square().mean()"
    for space, text in zip(spaces, (body, body, body.replace("mean", "sum")), strict=True):
        exec(text, space)
    run(path, loss=spaces[0]["loss"])
    for space in spaces[1:]:
        with pytest.raises(CheckpointError, match="loss: .* in the file"):
            run(path, loss=space["loss"])


def counting(scale):
    calls = 0

    def loss(model, batch):
        nonlocal calls
        calls += 1
        return scaled(model, batch, scale)

    return loss


def test_a_count_of_calls_is_no_setting(kept, tmp_path, capsys):
    path, loss = tmp_path / "run.safetensors", counting(1.0)
    for _ in range(2):
        run(path, loss=loss)
    assert "Loaded the trained weights" in capsys.readouterr().out
    with pytest.raises(CheckpointError, match="loss: .* in the file"):
        run(path, loss=counting(2.0))


@pytest.mark.parametrize("held", [iter([1]), io.StringIO(), object()])
def test_what_cannot_be_told_apart_is_refused_before_the_training(tmp_path, held):
    with pytest.raises(ValueError, match="cannot tell two objects of type .*out checkpoint"):
        run(tmp_path / "run.safetensors", loss=closure(held))
    assert not (tmp_path / "run.safetensors").exists()


def test_another_recipe_is_refused(kept, tmp_path):
    path = tmp_path / "run.safetensors"
    run(path)
    for options in ({"optimizer": (0.1, 0.01)}, {"optimizer": (3e-3, 0.5)}):
        torch.manual_seed(0)
        model = nn.Linear(3, 1)
        optimizer = adamw(model, *options["optimizer"])
        with pytest.raises(CheckpointError, match="(learning_rate|weight_decay): .*in the file"):
            fit(
                model,
                Batches(DATA, batch_size=8),
                size_loss,
                num_steps=10,
                optimizer=optimizer,
                checkpoint=path,
            )


def test_a_file_that_fit_did_not_write_is_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    save_checkpoint(path, {"weight": torch.zeros(2)}, step=1)
    with pytest.raises(CheckpointError, match="not written by fit: it has no config, ema_up"):
        run(path)


@pytest.mark.parametrize("step", [1, 10])
def test_an_interrupt_in_the_first_or_the_last_step(tmp_path, step):
    path, steps = tmp_path / "run.safetensors", []

    class Pressed(Batches):
        def batch(self, index):
            steps.append(index)
            if len(steps) == step + 1:  # the first look only tells this training from others
                signal.raise_signal(signal.SIGINT)
            return super().batch(index)

    def pressed():
        torch.manual_seed(0)
        batches = Pressed(DATA, batch_size=8)
        fit(nn.Linear(3, 1), batches, size_loss, num_steps=10, checkpoint=path)

    if step == 10:  # nothing is left to stop: the run ends as it would have
        pressed()
    else:
        with pytest.raises(KeyboardInterrupt, match="after step 1 of 10"):
            pressed()
        pressed()
    assert sorted(set(steps)) == list(range(10))
    assert not path.exists()


def test_a_schedule_of_ones_own_is_told_by_name_and_settings():
    class Square(Schedule):
        def __init__(self, power):
            self.power = power

    assert Denoiser(PointMLP(), Square(2)).config["schedule"] == "Square(power=2)"


def test_a_bad_step_leaves_the_weights_alone_even_unlooked(monkeypatch):
    # As on an accelerator, where the loop looks at its numbers only now and then.
    monkeypatch.setattr(loop, "stop_if_not_finite", lambda *seen: None)
    torch.manual_seed(0)
    model, weights = nn.Linear(3, 1), []

    def spoiled_loss(model, batch):
        return size_loss(model, batch) * (float("nan") if len(weights) == 4 else 1.0)

    for _ in train_steps(model, Batches(DATA, batch_size=8), spoiled_loss, num_steps=10):
        weights.append(model.weight.detach().clone())
    assert torch.equal(weights[4], weights[3])
    assert not torch.equal(weights[5], weights[4])
    assert bool(torch.isfinite(weights[-1]).all())


def test_a_loss_of_many_numbers_is_refused_and_the_model_left_in_eval():
    model = nn.Linear(3, 1)

    def loss(model, batch):
        return model(batch[0])

    steps = train_steps(model, Batches(DATA, batch_size=8), loss, num_steps=2)
    with pytest.raises(ValueError, match=r"shape \(\); got \(8, 1\). Use .mean\(\)"):
        next(steps)
    assert not model.training


def test_an_infinite_gradient_is_passed_over_even_when_the_loss_is_fine():
    model = nn.Linear(3, 1)
    optimizer, before = adamw(model), model.weight.detach().clone()
    model.weight.grad = torch.full_like(model.weight, float("inf"))
    with loop.passing_over_bad_steps(optimizer, torch.tensor(0.0), torch.tensor(float("inf"))):
        optimizer.step()
    assert torch.equal(model.weight, before)
