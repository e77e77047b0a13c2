"""What must neither pass unseen nor be refused without need."""

import math

import pytest
import torch
from torch import nn

from course_utils.data import Batches
from course_utils.training import (
    EMA,
    CheckpointError,
    adamw,
    constant,
    fit,
    fitting,
    load_checkpoint,
    muon,
    train_steps,
)
from course_utils.training.checks import is_broken
from course_utils.training.run import Run


def batches(seed=0):
    data = torch.randn(80, 3, generator=torch.Generator().manual_seed(seed))
    return Batches(data, batch_size=8)


def loss_fn(model, batch):
    (x,) = batch
    return 5 * (model(x) - x.sum(1, keepdim=True)).square().mean()


def network():
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))


@pytest.fixture
def often(monkeypatch):
    """A save after each step."""
    monkeypatch.setattr(fitting, "SAVE_EVERY", 0)


@pytest.fixture
def kept(monkeypatch):
    """The file of a training that is done stays, as it does when weights are shipped."""
    monkeypatch.setattr(Run, "finish", Run.keep)


@pytest.mark.parametrize("seed", range(6))
def test_a_loop_written_out_trains_the_same_weights_to_the_bit(seed):
    packaged, page = network(), network()
    fit(packaged, batches(seed), loss_fn, num_steps=30, lr_schedule=constant)
    optimizer = adamw(page)
    for step in range(30):
        loss = loss_fn(page, batches(seed)[step])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(page.parameters(), 1.0)
        optimizer.step()
    for ours, theirs in zip(packaged.parameters(), page.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_an_average_of_another_model_is_refused():
    with pytest.raises(ValueError, match="ema must average the model that is trained"):
        list(
            train_steps(nn.Linear(3, 1), batches(), loss_fn, num_steps=2, ema=EMA(nn.Linear(3, 2)))
        )


def first_weight(model, batch):
    return model.weight[0, 0]


@pytest.mark.usefixtures("often")
@pytest.mark.filterwarnings("ignore:run.safetensors was not saved")
@pytest.mark.parametrize(
    ("num_steps", "says"),
    [(8, "step 6: .*so are some of the weights"), (5, "the last step, 5, left")],
)
def test_weights_that_burst_are_neither_handed_over_nor_saved(num_steps, says, tmp_path):
    path, model, asked = tmp_path / "run.safetensors", nn.Linear(3, 1), []

    def rate(progress):  # the second of two such steps leaves the range of float32
        asked.append(progress)
        return 3e38 if len(asked) in (4, 5) else 1e-3

    sgd = torch.optim.SGD(model.parameters(), lr=1.0)
    options = {"optimizer": sgd, "lr_schedule": rate, "checkpoint": path}
    with pytest.raises(FloatingPointError, match=says):
        fit(model, batches(), first_weight, num_steps=num_steps, **options)
    tensors, _ = load_checkpoint(path)
    assert len(tensors["loss"]) == 4
    assert bool(tensors["model.weight"].isfinite().all())


@pytest.mark.usefixtures("kept")
@pytest.mark.filterwarnings("error")
def test_a_mask_of_infinities_and_a_bad_loss_in_the_history_do_not_stop_a_save(tmp_path):
    model = network()
    model.register_buffer("mask", torch.full((2,), -math.inf))
    path = tmp_path / "run.safetensors"
    fit(model, batches(), loss_fn, num_steps=2, checkpoint=path)
    assert load_checkpoint(path)[0]["model.mask"].tolist() == [-math.inf] * 2
    run = Run(model, adamw(model), None, {"num_steps": 3}, path)
    run.collect([torch.tensor(math.nan)], 0.0)  # passed over on a GPU
    run.save()
    assert len(load_checkpoint(path)[0]["loss"]) == 1
    assert not is_broken(model)
    model.mask[0] = math.nan
    assert is_broken(model)


class Drawn:
    """Batches that are made up in each step."""

    def __getitem__(self, step):
        return (torch.randn(8, 3),)


@pytest.mark.usefixtures("kept")
def test_batches_that_draw_are_known_again_and_leave_the_random_state_alone(tmp_path, capsys):
    for drawn_before in (0, 5):
        model = network()
        torch.rand(drawn_before)
        state = torch.get_rng_state()
        fit(model, Drawn(), loss_fn, num_steps=2, checkpoint=tmp_path / "run.safetensors")
        assert torch.equal(torch.get_rng_state(), state)
    assert "Loaded" in capsys.readouterr().out


class Scaled(nn.Linear):
    def __init__(self, scale):
        super().__init__(3, 1)
        self.scale = scale

    def forward(self, x):
        return super().forward(x) * self.scale


def on_page(body):
    """A network as a cell of a notebook defines it."""
    scope = {"__name__": "__main__", "nn": nn}
    text = "class Net(nn.Linear):\n    def forward(self, x):\n        return super().forward(x)"
    exec(text + body, scope)
    return scope["Net"](3, 1)


def dropping(rate):
    return nn.Sequential(nn.Linear(3, 1), nn.Dropout(rate))


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda: Scaled(1.0), lambda: Scaled(2.0)),
        (lambda: on_page(" * 1"), lambda: on_page(" * 2")),
        (lambda: dropping(0.1), lambda: dropping(0.5)),
    ],
)
def test_a_network_that_computes_something_else_is_told_apart(one, other, tmp_path, capsys):
    path = tmp_path / "run.safetensors"
    torch.manual_seed(0)
    for _ in range(2):
        fit(one(), batches(), loss_fn, num_steps=2, checkpoint=path)
    assert "Loaded" in capsys.readouterr().out
    with pytest.raises(CheckpointError, match=r"\(network: '\w+' in the file, '\w+' here\)"):
        fit(other(), batches(), loss_fn, num_steps=2, checkpoint=path)


@pytest.mark.usefixtures("kept")
def test_a_loss_that_holds_the_model_is_the_same_after_training(tmp_path, capsys):
    model = network()

    def loss(_, batch):
        return loss_fn(model, batch)

    for _ in range(2):  # the second time with other weights
        fit(model, batches(), loss, num_steps=2, checkpoint=tmp_path / "run.safetensors")
    assert "Loaded" in capsys.readouterr().out


class Hidden(nn.Linear):
    edges = ()


@pytest.mark.parametrize("make", [adamw, muon])
def test_a_decay_that_would_turn_the_signs_of_the_weights_is_refused(make):
    make(Hidden(3, 3), 0.5, weight_decay=1.9)
    with pytest.raises(ValueError, match="below 1 / learning_rate = 2, .*got 2.0"):
        make(Hidden(3, 3), 0.5, weight_decay=2.0)


def test_a_list_that_ends_too_early_is_noticed_before_the_first_step():
    model = network()
    before = model[0].weight.detach().clone()
    with pytest.raises(ValueError, match="num_steps is 10, but there are only 4 batches"):
        list(train_steps(model, [batches()[0]] * 4, loss_fn, num_steps=10))
    assert torch.equal(model[0].weight, before)
