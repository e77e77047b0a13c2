import math
import os
import signal
import subprocess
import sys
import textwrap

import pytest
import torch
from torch import nn

from course_utils import training
from course_utils.data import Batches
from course_utils.training import EMA, CheckpointError, fit, train_steps

DATA = torch.randn(256, 3, generator=torch.Generator().manual_seed(0))
TRUTH = torch.tensor([[1.0], [-2.0], [0.5]])


def noisy_loss(model, batch):
    """Uses torch's random state, as the real losses do."""
    (x,) = batch
    return (model(x) - x @ TRUTH + 0.1 * torch.randn(len(x), 1)).square().mean()


def make():
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))


def batches():
    return Batches(DATA, batch_size=32)


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_training_finds_the_truth():
    model = nn.Linear(3, 1)
    fit(model, batches(), noisy_loss, num_steps=300, learning_rate=0.05)
    torch.testing.assert_close(model.weight.detach().T, TRUTH, rtol=0, atol=0.03)


def test_steps_are_yielded_one_by_one():
    steps = train_steps(make(), batches(), noisy_loss, num_steps=4)
    records = list(steps)
    assert [record.step for record in records] == [1, 2, 3, 4]
    assert all(math.isfinite(record.grad_norm.item()) for record in records)


def test_learning_rate_follows_its_schedule():
    model = make()
    optimizer = training.adamw(model, 0.01)
    steps = train_steps(
        model,
        batches(),
        noisy_loss,
        num_steps=10,
        optimizer=optimizer,
        lr_schedule=lambda progress: 1 - progress,
    )
    rates = [record.learning_rate for record in steps]
    assert rates == pytest.approx([0.01 * (1 - k / 10) for k in range(10)])


def test_warmup_cosine_rises_then_falls_to_zero():
    factors = [training.warmup_cosine(k / 1000) for k in range(1000)]
    peak = factors.index(max(factors))
    assert factors[peak] == pytest.approx(1)
    assert peak == 50
    assert factors[:51] == sorted(factors[:51])
    assert factors[50:] == sorted(factors[50:], reverse=True)
    assert factors[-1] < 1e-4


def test_gradients_are_clipped():
    model, before = nn.Linear(3, 1), None
    before = weights(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    steps = train_steps(
        model,
        batches(),
        lambda m, b: 1e6 * noisy_loss(m, b),
        num_steps=1,
        optimizer=optimizer,
        grad_clip=0.5,
        lr_schedule=training.constant,
    )
    record = next(steps)
    assert record.grad_norm > 1000
    assert float((weights(model) - before).norm()) == pytest.approx(0.5, rel=1e-3)


def test_ema_is_the_average_by_hand():
    model = make()
    ema = EMA(model, decay=0.9)
    expected = weights(model)
    for record in train_steps(model, batches(), noisy_loss, num_steps=30, ema=ema):
        decay = min(0.9, record.step / (record.step + 10))
        expected = decay * expected + (1 - decay) * weights(model)
    torch.testing.assert_close(weights(ema.model), expected)
    with pytest.raises(ValueError, match="decay must lie in"):
        EMA(model, decay=1.0)


def interrupt_at(step):
    """A loss that presses the stop button during one step."""
    count = 0

    def noisy_loss_with_interrupt(model, batch):
        nonlocal count
        count += 1
        if count == step:
            signal.raise_signal(signal.SIGINT)
        return noisy_loss(model, batch)

    noisy_loss_with_interrupt.__name__ = "noisy_loss"
    return noisy_loss_with_interrupt


def test_resume_equals_uninterrupted(tmp_path, capsys):
    path = tmp_path / "run.safetensors"
    whole = make()
    whole_ema = EMA(whole, 0.9)
    history = fit(whole, batches(), noisy_loss, num_steps=50, ema=whole_ema)

    model = make()
    ema = EMA(model, 0.9)
    with pytest.raises(KeyboardInterrupt, match="after step 21 of 50; saved to run.safetensors"):
        fit(model, batches(), interrupt_at(21), num_steps=50, ema=ema, checkpoint=path)
    torch.manual_seed(999)  # a new kernel has another random state
    model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
    ema = EMA(model, 0.9)
    resumed = fit(model, batches(), noisy_loss, num_steps=50, ema=ema, checkpoint=path)

    assert "Resumed run.safetensors at step 21 of 50." in capsys.readouterr().out
    assert torch.equal(weights(model), weights(whole))
    assert torch.equal(weights(ema.model), weights(whole_ema.model))
    assert resumed.loss == history.loss
    assert not path.exists()


def test_an_interrupt_finishes_the_step_and_handlers_are_restored():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt, match="not saved"):
        fit(make(), batches(), interrupt_at(3), num_steps=50)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_killed_process_resumes_from_its_last_save(tmp_path):
    path = tmp_path / "run.safetensors"
    script = textwrap.dedent(f"""
        import os, signal, sys, torch
        sys.path.insert(0, {os.path.dirname(__file__)!r})
        from test_training import batches, fit, make, noisy_loss
        def loss(model, batch):
            if os.path.exists({str(path)!r}):
                os._exit(9)
            return noisy_loss(model, batch)
        loss.__name__ = "noisy_loss"
        fit(make(), batches(), loss, num_steps=50, checkpoint={str(path)!r}, save_every=0)
    """)
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 9
    model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
    fit(model, batches(), noisy_loss, num_steps=50, checkpoint=path)
    whole = make()
    fit(whole, batches(), noisy_loss, num_steps=50)
    assert torch.equal(weights(model), weights(whole))


def test_finished_weights_are_kept_and_loaded_when_asked(tmp_path, capsys):
    path = tmp_path / "run.safetensors"
    model = make()
    fit(model, batches(), noisy_loss, num_steps=10, checkpoint=path, keep=True)
    size = path.stat().st_size
    other = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
    history = fit(other, batches(), noisy_loss, num_steps=10, checkpoint=path)
    assert "Loaded the trained weights of run.safetensors (10 steps)." in capsys.readouterr().out
    assert torch.equal(weights(other), weights(model))
    assert len(history.loss) == 10
    assert path.stat().st_size == size


def test_a_checkpoint_of_another_configuration_is_refused(tmp_path):
    path = tmp_path / "run.safetensors"
    fit(make(), batches(), noisy_loss, num_steps=10, checkpoint=path, keep=True)
    with pytest.raises(CheckpointError, match="num_steps: 10 in the file, 20 here"):
        fit(make(), batches(), noisy_loss, num_steps=20, checkpoint=path)
    with pytest.raises(CheckpointError, match="parameters: 41 in the file, 4 here"):
        fit(nn.Linear(3, 1), batches(), noisy_loss, num_steps=10, checkpoint=path)
    fit(make(), batches(), noisy_loss, num_steps=20, checkpoint=path, restart=True)


def test_nan_stops_at_once_and_keeps_the_last_good_weights():
    def loss(model, batch):
        return noisy_loss(model, batch) * (float("nan") if loss.count == 5 else 1)

    model, seen = make(), []
    loss.count = 0
    steps = train_steps(model, batches(), loss, num_steps=50)
    for loss.count in range(5):
        next(steps)
        seen.append(weights(model))
    loss.count = 5
    with pytest.raises(FloatingPointError, match=r"step 6: loss is nan.*learning rate"):
        next(steps)
    assert len(seen) == 5
    assert torch.equal(weights(model), seen[-1])
    assert bool(torch.isfinite(weights(model)).all())


def test_weights_decay_but_not_biases_and_norms():
    linear, norm = nn.Linear(3, 4), nn.LayerNorm(4)
    model = nn.Sequential(linear, norm)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = training.adamw(model, learning_rate=0.1, weight_decay=0.5)
    for p in model.parameters():
        p.grad = torch.zeros_like(p)  # so that decay is all that moves a weight
    optimizer.step()
    torch.testing.assert_close(linear.weight.detach(), (1 - 0.1 * 0.5) * before.pop("0.weight"))
    for name, value in before.items():
        assert torch.equal(model.get_parameter(name), value), name


def test_ema_takes_over_what_is_counted_and_not_trained():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    ema = EMA(model)
    list(train_steps(model, batches(), noisy_loss, num_steps=3, ema=ema))
    assert int(ema.model[1].num_batches_tracked) == 3
    assert torch.equal(ema.model[1].running_mean, model[1].running_mean)


def test_an_infinite_gradient_stops_even_when_the_loss_is_finite():
    model = nn.Linear(3, 1)
    nn.init.zeros_(model.weight)  # where the slope of the root is infinite
    steps = train_steps(model, batches(), lambda m, b: m.weight.sqrt().sum(), num_steps=1)
    with pytest.raises(FloatingPointError, match="step 1: loss is 0 and gradient norm inf"):
        next(steps)
    assert torch.equal(model.weight, torch.zeros(1, 3))
