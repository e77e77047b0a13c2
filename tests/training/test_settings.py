"""Settings out of range, parts that do not fit together, numbers that are not finite."""

import math

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from course_utils.data import Batches
from course_utils.training import (
    EMA,
    adamw,
    constant,
    fit,
    fitting,
    load_checkpoint,
    muon,
    train_steps,
    warmup_cosine,
)
from course_utils.training.watch import Watch, is_broken

DATA = torch.randn(80, 3, generator=torch.Generator().manual_seed(0))


def size_loss(model, batch):
    return model(batch[0]).square().mean()


def linear():
    torch.manual_seed(0)
    return nn.Linear(3, 1)


def run(model=None, loss=size_loss, *, num_steps=10, **options):
    batches = options.pop("batches", None) or Batches(DATA, batch_size=8)
    return list(train_steps(model or linear(), batches, loss, num_steps=num_steps, **options))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"grad_clip": -1.0}, r"grad_clip must lie in \(0, inf\]; got -1.0"),
        ({"grad_clip": 0}, "got 0"),
        ({"grad_clip": math.nan}, "got nan"),
        ({"grad_clip": "1"}, "grad_clip must be a number; got '1'"),
        ({"num_steps": 0}, "num_steps must be a whole number >= 1; got 0"),
        ({"num_steps": -5}, "got -5"),
        ({"num_steps": 2.5}, "got 2.5"),
        ({"num_steps": True}, "got True"),
        ({"first_step": -1}, "first_step must be a whole number >= 0; got -1"),
        ({"lr_schedule": lambda progress: -0.1}, r"lr_schedule returns must lie in .*got -0.1"),
        ({"lr_schedule": lambda progress: math.nan}, "got nan"),
        ({"lr_schedule": lambda progress: None}, "lr_schedule returns must be a number; got None"),
    ],
)
def test_a_setting_out_of_its_range_is_refused(options, says):
    model = linear()
    before = model.weight.detach().clone()
    with pytest.raises(ValueError, match=says):
        run(model, **options)
    assert torch.equal(model.weight, before)


@pytest.mark.parametrize("decay", [1.0, -0.1, math.nan, "0.9"])
def test_a_decay_out_of_its_range_is_refused(decay):
    with pytest.raises(ValueError, match="decay must"):
        EMA(linear(), decay)


@pytest.mark.parametrize(("progress", "warmup"), [(-0.1, 0.05), (1.5, 0.05), (0.5, 1.0), (0.5, -1)])
def test_a_schedule_is_asked_about_a_share_of_the_training(progress, warmup):
    with pytest.raises(ValueError, match="must lie in"):
        warmup_cosine(progress, warmup)


def test_a_maker_of_optimizers_is_told_to_be_called():
    with pytest.raises(ValueError, match=r"optimizer=training.muon\(model, 0.02\)"):
        fit(linear(), Batches(DATA, batch_size=8), size_loss, num_steps=2, optimizer=muon)


def test_an_optimizer_of_another_model_is_refused():
    with pytest.raises(ValueError, match="2 of the optimizer's 2 weights belong to another model"):
        run(linear(), optimizer=adamw(linear()))


def test_an_optimizer_may_hold_a_part_of_the_model_or_weights_of_the_loss():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1))
    before = [p.detach().clone() for p in model.parameters()]
    run(model, optimizer=adamw(model[1]))
    moved = [not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True)]
    assert moved == [False, False, True, True]

    class Loss(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, model, batch):
            return (model(batch[0]) - self.scale).square().mean()

    loss = Loss()
    run(linear(), loss, optimizer=torch.optim.SGD([loss.scale], 0.1))
    assert loss.scale != 1


def test_an_average_of_another_model_is_refused():
    with pytest.raises(ValueError, match="ema must average the model that is trained"):
        run(linear(), ema=EMA(nn.Linear(3, 2)))


def test_a_data_loader_has_no_numbers():
    loader = DataLoader(TensorDataset(DATA), batch_size=8)
    with pytest.raises(ValueError, match=r"a DataLoader has no numbers. Use data.Batches"):
        run(batches=loader)
    assert len(run(batches=list(loader))) == 10


def test_too_few_batches_are_noticed_before_the_first_step():
    with pytest.raises(ValueError, match="num_steps is 10, but there are only 4 batches"):
        run(batches=[(DATA,)] * 4)


@pytest.mark.parametrize(
    ("loss", "says"),
    [
        (lambda model, batch: model(batch[0]), r"shape \(\); got \(8, 1\). Use .mean\(\)"),
        (lambda model, batch: size_loss(model, batch).item(), "got float"),
        (lambda model, batch: size_loss(model, batch).detach(), "no gradient flows"),
    ],
)
def test_a_loss_that_cannot_train_is_refused_and_the_model_left_in_eval(loss, says):
    model = linear()
    with pytest.raises(ValueError, match=says):
        run(model, loss)
    assert not model.training


def test_a_loss_may_go_backward_itself_over_parts():
    def in_parts(model, batch):
        first, second = batch[0].chunk(2)
        (size_loss(model, (first,)) / 2).backward()
        return size_loss(model, (second,)) / 2

    whole, parts = linear(), linear()
    run(whole, grad_clip=math.inf)
    run(parts, in_parts, grad_clip=math.inf)
    torch.testing.assert_close(parts.weight, whole.weight)


def test_a_preview_in_the_middle_does_not_end_training_mode():
    modes = []

    def loss(model, batch):
        modes.append([module.training for module in model.modules()])
        return size_loss(model, batch)

    model = nn.Sequential(nn.Linear(3, 1), nn.Dropout())
    for _ in train_steps(model, Batches(DATA, batch_size=8), loss, num_steps=3):
        model.eval()
    assert modes == [[True] * 3] * 3


def follow(steps, model, seen):
    """Make all steps, noting the weights after each."""
    for _ in steps:
        seen.append(model.weight.detach().clone())


def poisoned(step):
    """A loss that is nan from one step on, counted from 1."""
    calls = []

    def loss(model, batch):
        calls.append(1)
        return size_loss(model, batch) * (math.nan if len(calls) >= step else 1.0)

    return loss


@pytest.mark.parametrize("make", [adamw, lambda model: torch.optim.SGD(model.parameters(), 0.1)])
def test_nan_stops_at_once_and_keeps_the_last_good_weights(make):
    model, seen = linear(), []
    steps = train_steps(
        model, Batches(DATA, batch_size=8), poisoned(6), num_steps=9, optimizer=make(model)
    )
    with pytest.raises(FloatingPointError, match=r"step 6: loss is nan.*weights are still good"):
        follow(steps, model, seen)
    assert len(seen) == 5
    assert torch.equal(model.weight, seen[-1])


@pytest.mark.parametrize("looks", [True, False])
def test_after_a_stop_for_nan_the_optimizer_still_works(looks, monkeypatch):
    model = linear()
    optimizer = adamw(model)
    if not looks:  # as on a GPU, where the bad step is made, and changes nothing
        monkeypatch.setattr(Watch, "__init__", lazily(Watch.__init__))
    with pytest.raises(FloatingPointError):
        run(model, poisoned(3), optimizer=optimizer)
    for _ in range(20):  # steps of one's own
        before = model.weight.detach().clone()
        optimizer.zero_grad()
        size_loss(model, (DATA,)).backward()
        optimizer.step()
        assert not torch.equal(model.weight, before)


def lazily(init):
    """As on a GPU: a look at the numbers every four steps."""

    def look_now_and_then(self, *arguments):
        init(self, *arguments)
        self.look_every = 4

    return look_now_and_then


def test_one_bad_step_between_two_looks_changes_nothing_and_is_told(monkeypatch):
    monkeypatch.setattr(Watch, "__init__", lazily(Watch.__init__))
    model, weights = linear(), []

    def spoiled(model, batch):
        return size_loss(model, batch) * (math.nan if len(weights) == 1 else 1.0)

    steps = train_steps(model, Batches(DATA, batch_size=8), spoiled, num_steps=9)
    with pytest.raises(FloatingPointError, match="a step before 4: its loss or gradient was not"):
        follow(steps, model, weights)
    assert len(weights) == 3
    assert torch.equal(weights[1], weights[0])
    assert not torch.equal(weights[2], weights[1])


def test_an_infinite_gradient_stops_even_when_the_loss_is_finite():
    model = linear()
    nn.init.zeros_(model.weight)  # where the slope of the root is infinite
    with pytest.raises(FloatingPointError, match="step 1: loss is 0 and gradient norm inf"):
        run(model, lambda m, b: m.weight.sqrt().sum())
    assert torch.equal(model.weight, torch.zeros(1, 3))


def test_a_rate_that_becomes_infinite_touches_no_weight():
    def runaway(progress):
        return math.inf if progress > 0.45 else 1.0

    model, seen = linear(), []
    steps = train_steps(
        model, Batches(DATA, batch_size=8), size_loss, num_steps=10, lr_schedule=runaway
    )
    with pytest.raises(ValueError, match=r"lr_schedule returns must lie in \[0, inf\); got inf"):
        follow(steps, model, seen)
    assert len(seen) == 5
    assert torch.equal(model.weight, seen[-1])
    optimizer = adamw(model)
    optimizer.param_groups[0]["lr"] = math.inf
    with pytest.raises(ValueError, match="the learning rate of a step must lie in"):
        run(model, optimizer=optimizer)
    assert torch.equal(model.weight, seen[-1])


@pytest.mark.parametrize("num_steps", [8, 5])
@pytest.mark.filterwarnings("ignore:run.safetensors could not be saved .its weights are infinite")
def test_broken_weights_are_not_called_good_nor_written_over_good_ones(
    num_steps, tmp_path, monkeypatch
):
    monkeypatch.setattr(fitting, "SAVE_EVERY", 0)
    path, model, steps = tmp_path / "run.safetensors", linear(), []

    def rate(progress):  # too large for float32 in step 5
        steps.append(progress)
        return 1e39 if len(steps) == 5 else 1e-3

    options = {"optimizer": torch.optim.SGD(model.parameters(), lr=1.0), "lr_schedule": rate}
    says = {8: "stopped at step 6: .*By now weights are inf", 5: "after the last step, 5, weights"}
    with pytest.raises(FloatingPointError, match=says[num_steps]) as error:
        fit(
            model,
            Batches(DATA, batch_size=8),
            size_loss,
            num_steps=num_steps,
            checkpoint=path,
            **options,
        )
    assert "good" not in str(error.value)
    assert is_broken(model)
    tensors, _ = load_checkpoint(path)
    assert len(tensors["loss"]) == 4
    assert bool(tensors["model.weight"].isfinite().all())


def test_a_mask_of_infinities_is_no_broken_weight():
    model = linear()
    model.register_buffer("mask", torch.full((2,), -math.inf))
    assert not is_broken(model)
    model.mask[0] = math.nan
    assert is_broken(model)


def test_constant_is_constant():
    assert {constant(k / 10) for k in range(10)} == {1.0}
