"""A checkpoint goes on only with what it was begun with."""

import signal

import pytest
import torch
from torch import nn

from course_utils.data import Batches
from course_utils.diffusion import Denoiser, PointMLP, Schedule
from course_utils.training import CheckpointError, fit, loop, save_checkpoint, train_steps

DATA = torch.randn(80, 3, generator=torch.Generator().manual_seed(0))


def size_loss(model, batch):
    return model(batch[0]).square().mean()


def run(path, data=DATA, loss=size_loss, **options):
    torch.manual_seed(0)
    model = nn.Linear(3, 1)
    batches = Batches(data, batch_size=8)
    return fit(model, batches, loss, num_steps=10, checkpoint=path, **options)


def test_other_data_is_refused(tmp_path):
    path = tmp_path / "run.safetensors"
    run(path, keep=True)
    with pytest.raises(CheckpointError, match=r"data: .*in the file"):
        run(path, data=DATA * 100 + 7)


def test_a_loss_without_a_name_is_refused(tmp_path):
    with pytest.raises(ValueError, match="got a lambda. Write the loss as a function with def"):
        run(tmp_path / "run.safetensors", loss=lambda model, batch: size_loss(model, batch))


def test_a_file_that_fit_did_not_write_is_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    save_checkpoint(path, {"weight": torch.zeros(2)}, step=1)
    with pytest.raises(CheckpointError, match="not written by fit: it has no config, seconds"):
        run(path)


@pytest.mark.parametrize("step", [1, 10])
def test_an_interrupt_in_the_first_or_the_last_step(tmp_path, step):
    path, count = tmp_path / "run.safetensors", 0

    def pressed_loss(model, batch):
        nonlocal count
        count += 1
        if count == step:
            signal.raise_signal(signal.SIGINT)
        return size_loss(model, batch)

    if step == 10:  # nothing is left to stop: the run ends as it would have
        run(path, loss=pressed_loss)
    else:
        with pytest.raises(KeyboardInterrupt, match="after step 1 of 10"):
            run(path, loss=pressed_loss)
        run(path, loss=pressed_loss)
    assert count == 10
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


def test_an_infinite_gradient_is_skipped_even_when_the_loss_is_fine():
    model = nn.Linear(3, 1)
    optimizer, before = loop.adamw(model), model.weight.detach().clone()
    model.weight.grad = torch.full_like(model.weight, float("inf"))
    loop.skip_if_not_finite(optimizer, torch.tensor(0.0), torch.tensor(float("inf")))
    optimizer.step()
    assert torch.equal(model.weight, before)
