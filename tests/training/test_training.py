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
from course_utils.training import EMA, CheckpointError, adamw, fit, train_steps
from course_utils.training.run import Run

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
    fit(model, batches(), noisy_loss, num_steps=300, optimizer=adamw(model, 0.05))
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


class Interrupted(Batches):
    """The same batches; the stop button is pressed while batch `at` is fetched."""

    def __init__(self, at):
        super().__init__(DATA, batch_size=32)
        self.at = at

    def batch(self, index):
        if index == self.at:
            signal.raise_signal(signal.SIGINT)
        return super().batch(index)


@pytest.fixture
def kept(monkeypatch):
    """Finished weights stay in their file, as where the course's own are made."""
    monkeypatch.setattr(Run, "finish", Run.keep)


def test_resume_equals_uninterrupted(tmp_path, capsys):
    path = tmp_path / "run.safetensors"
    whole = make()
    whole_ema = EMA(whole, 0.9)
    history = fit(whole, batches(), noisy_loss, num_steps=50, ema=whole_ema)

    model = make()
    ema = EMA(model, 0.9)
    with pytest.raises(KeyboardInterrupt, match="after step 21 of 50; saved to run.safetensors"):
        fit(model, Interrupted(20), noisy_loss, num_steps=50, ema=ema, checkpoint=path)
    torch.manual_seed(3)  # a new kernel begins in the same way
    torch.rand(5)  # but may have drawn other numbers
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
        fit(make(), Interrupted(2), noisy_loss, num_steps=50)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_killed_process_resumes_from_its_last_save(tmp_path):
    path = tmp_path / "run.safetensors"
    script = textwrap.dedent(f"""
        import os, sys
        sys.path.insert(0, {os.path.dirname(__file__)!r})
        import test_training
        from course_utils.training import fitting
        fitting.SAVE_EVERY = 0
        class Killed(test_training.Batches):
            def batch(self, index):
                if os.path.exists({str(path)!r}):
                    os._exit(9)
                return super().batch(index)
        test_training.fit(
            test_training.make(), Killed(test_training.DATA, batch_size=32),
            test_training.noisy_loss, num_steps=50, checkpoint={str(path)!r},
        )
    """)
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 9
    model = make()
    fit(model, batches(), noisy_loss, num_steps=50, checkpoint=path)
    whole = make()
    fit(whole, batches(), noisy_loss, num_steps=50)
    assert torch.equal(weights(model), weights(whole))


def test_finished_weights_are_kept_and_loaded_when_asked(kept, tmp_path, capsys):
    path = tmp_path / "run.safetensors"
    model = make()
    fit(model, batches(), noisy_loss, num_steps=10, checkpoint=path)
    size = path.stat().st_size
    other = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
    history = fit(other, batches(), noisy_loss, num_steps=10, checkpoint=path)
    assert "Loaded the trained weights of run.safetensors (10 steps)." in capsys.readouterr().out
    assert torch.equal(weights(other), weights(model))
    assert len(history.loss) == 10
    assert path.stat().st_size == size


def test_a_checkpoint_of_another_configuration_is_refused(kept, tmp_path):
    path = tmp_path / "run.safetensors"
    fit(make(), batches(), noisy_loss, num_steps=10, checkpoint=path)
    with pytest.raises(CheckpointError, match="num_steps: 10 in the file, 5 here"):
        fit(make(), batches(), noisy_loss, num_steps=5, checkpoint=path)
    with pytest.raises(CheckpointError, match="parameters: 41 in the file, 4 here"):
        fit(nn.Linear(3, 1), batches(), noisy_loss, num_steps=10, checkpoint=path)
    fit(make(), batches(), noisy_loss, num_steps=5, checkpoint=path, restart=True)


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
    with pytest.raises(FloatingPointError, match=r"step 6: loss is nan.*before this step.*rate"):
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


# What a foreign loop or network does


def test_a_look_at_samples_in_the_middle_does_not_end_the_training_mode():
    model, modes = make(), []

    def loss(model, batch):
        modes.append(model.training)
        return noisy_loss(model, batch)

    for _ in train_steps(model, batches(), loss, num_steps=3):
        model.eval()
    assert modes == [True, True, True]
    assert not model.training


def test_an_optimizer_of_another_model_is_refused():
    with pytest.raises(ValueError, match="holds none of the Sequential's weights"):
        next(train_steps(make(), batches(), noisy_loss, num_steps=1, optimizer=adamw(make())))
    with pytest.raises(TypeError, match="made for the model"):
        fit(make(), batches(), noisy_loss, num_steps=1, optimizer=training.muon)
    frozen = make().requires_grad_(False)
    with pytest.raises(ValueError, match="would train nothing"):
        fit(frozen, batches(), noisy_loss, num_steps=1)


def test_a_rate_set_by_hand_is_the_peak_from_there_on():
    model = make()
    optimizer = adamw(model, 0.01)
    options = dict(num_steps=4, optimizer=optimizer, lr_schedule=lambda progress: 1 - progress)
    rates = []
    for record in train_steps(model, batches(), noisy_loss, **options):
        rates.append(record.learning_rate)
        if record.step == 2:
            for group in optimizer.param_groups:
                group["lr"] = 0.1
    assert rates == pytest.approx([0.01, 0.0075, 0.1 * 0.5, 0.1 * 0.25])
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.1]
    for group in optimizer.param_groups:
        group["lr"] = 0.2
    again = train_steps(model, batches(), noisy_loss, **options)
    assert next(again).learning_rate == pytest.approx(0.2)


def test_a_second_training_keeps_the_average():
    model = make()
    ema = EMA(model, decay=0.99)
    fit(model, batches(), noisy_loss, num_steps=200, ema=ema)
    before = weights(ema.model)
    for p in model.parameters():
        torch.nn.init.zeros_(p)
    next(train_steps(model, batches(), noisy_loss, num_steps=1, ema=ema))
    kept = float(weights(ema.model) @ before / (before @ before))
    assert kept == pytest.approx(1 - 1 / 21, abs=0.01) or kept > 0.95


def test_gradients_of_an_earlier_step_of_ones_own_are_not_added():
    model = make()
    noisy_loss(model, (DATA,)).mul(1e3).backward()
    other = make()
    for m in (model, other):
        torch.manual_seed(0)
        fit(m, batches(), noisy_loss, num_steps=1)
    assert torch.equal(weights(model), weights(other))


def test_a_loss_may_add_gradients_of_its_own():
    """Accumulation by hand: a part is sent backward inside the loss, the last one by the loop."""
    target, model, other = DATA @ TRUTH, make(), make()

    def half(model, x, y):
        return (model(x) - y).square().sum() / 32

    def in_two(model, batch):
        half(model, batch[0][:16], batch[1][:16]).backward()
        return half(model, batch[0][16:], batch[1][16:])

    def in_one(model, batch):
        return half(model, *batch)

    data = Batches(DATA, target, batch_size=32)
    fit(model, data, in_two, num_steps=5)
    fit(other, data, in_one, num_steps=5)
    torch.testing.assert_close(weights(model), weights(other), rtol=1e-4, atol=1e-6)


def test_after_a_stop_the_optimizer_works_for_its_owner():
    model = make()
    optimizer = adamw(model, 0.01)

    def bad(model, batch):
        return noisy_loss(model, batch) * float("nan")

    with pytest.raises(FloatingPointError):
        fit(model, batches(), bad, num_steps=3, optimizer=optimizer)
    before = weights(model)
    optimizer.zero_grad()
    noisy_loss(model, batches()[0]).backward()
    optimizer.step()
    assert not torch.equal(weights(model), before)


# Numbers out of range


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"grad_clip": -1}, "grad_clip must be above 0; got -1"),
        ({"grad_clip": 0}, "grad_clip must be above 0"),
        ({"grad_clip": math.nan}, "grad_clip must be above 0"),
        ({"num_steps": 0}, "num_steps must be a whole number of at least 1"),
        ({"num_steps": 2.5}, "num_steps must be a whole number"),
        ({"first_step": 9}, "first_step must lie between 0 and 3"),
        ({"lr_schedule": lambda p: math.inf}, r"finite and >= 0; got inf .*\(lr_schedule\)"),
        ({"lr_schedule": lambda p: -1.0}, "finite and >= 0; got -0.003"),
        ({"lr_schedule": lambda p: math.nan}, "finite and >= 0; got nan"),
    ],
)
def test_a_setting_out_of_range_is_refused_before_a_weight_is_touched(options, message):
    model = make()
    before = weights(model)
    with pytest.raises(ValueError, match=message):
        list(train_steps(model, batches(), noisy_loss, **{"num_steps": 3, **options}))
    assert torch.equal(weights(model), before)


def test_a_rate_that_becomes_infinite_on_the_way_leaves_the_good_weights():
    model, seen = make(), []

    def soon_infinite(progress):
        seen.append(weights(model))
        return 1.0 if progress < 0.5 else math.inf

    with pytest.raises(ValueError, match="finite and >= 0; got inf"):
        fit(model, batches(), noisy_loss, num_steps=9, lr_schedule=soon_infinite)
    assert len(seen) == 6
    assert torch.equal(weights(model), seen[-1])
    assert bool(weights(model).isfinite().all())


@pytest.mark.parametrize("make_optimizer", [training.adamw, training.muon])
@pytest.mark.parametrize(
    "numbers", [(0.0, 0.0), (-1.0, 0.0), (math.inf, 0.0), (math.nan, 0.0), (0.1, -1.0)]
)
def test_an_optimizer_out_of_range_is_refused(make_optimizer, numbers):
    model = make()
    model.edges = ("0", "2")
    with pytest.raises(ValueError, match=r"(learning_rate|weight_decay) must be"):
        make_optimizer(model, *numbers)


def test_the_schedule_has_a_range():
    for progress, warmup in ((-0.1, 0.05), (1.1, 0.05), (0.5, -1.0), (0.5, 1.0)):
        with pytest.raises(ValueError, match="must lie in"):
            training.warmup_cosine(progress, warmup)


# Messages


def test_a_data_loader_is_told_what_to_be():
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(DATA), batch_size=32)
    with pytest.raises(ValueError, match=r"got a DataLoader. Use data.Batches"):
        fit(make(), loader, noisy_loss, num_steps=3)


def test_too_few_batches_are_named():
    with pytest.raises(ValueError, match="there are only 2 batches"):
        fit(make(), [batches()[0]] * 2, noisy_loss, num_steps=3)


def test_a_loss_without_a_gradient_is_refused():
    with pytest.raises(ValueError, match=r"Leave out .item\(\)"):
        fit(make(), batches(), lambda m, b: noisy_loss(m, b).detach(), num_steps=3)
    with pytest.raises(ValueError, match="got float. Use .mean"):
        fit(make(), batches(), lambda m, b: noisy_loss(m, b).item(), num_steps=3)


# Random numbers


def test_random_numbers_of_a_step_follow_from_seed_and_step_alone():
    seen = {}

    def loss(model, batch):
        seen.setdefault(loss.run, []).append(torch.rand(()).item())
        return noisy_loss(model, batch)

    for loss.run, first in (("whole", 0), ("part", 2)):
        torch.manual_seed(5)
        torch.rand(first)  # what was drawn before does not matter
        list(train_steps(make_here(), batches(), loss, num_steps=5, first_step=first))
    assert seen["part"] == seen["whole"][2:]
    assert len(set(seen["whole"])) == 5
    torch.manual_seed(training.step_seed(5, 2))
    assert torch.rand(()).item() == seen["whole"][2]
    torch.manual_seed(training.step_seed(5, 2, rank=1))
    assert torch.rand(()).item() != seen["whole"][2]


def make_here():
    with torch.random.fork_rng():
        return make()


def test_training_leaves_the_random_state_as_it_was():
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    fit(make_here(), batches(), noisy_loss, num_steps=3)
    assert torch.equal(torch.rand(2), expected)
    assert torch.initial_seed() == 5
