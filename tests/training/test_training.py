"""The loop and `fit`, against formulas and loops written out."""

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
from course_utils.training import EMA, fit, train_steps
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


def stopped_in(model, step):
    """The model, with a stop button that is pressed during one of its calls."""
    calls = []

    def hook(*_):
        calls.append(1)
        if len(calls) == step:
            signal.raise_signal(signal.SIGINT)

    model.register_forward_hook(hook)
    return model


@pytest.fixture
def kept(monkeypatch):
    """The file of a training that is done stays, as it does when weights are shipped."""
    monkeypatch.setattr(Run, "finish", Run.save)


def test_training_finds_the_truth():
    model = nn.Linear(3, 1)
    fit(model, batches(), noisy_loss, num_steps=300, optimizer=training.adamw(model, 0.05))
    torch.testing.assert_close(model.weight.detach().T, TRUTH, rtol=0, atol=0.03)


def by_hand(model, num_steps, learning_rate):
    """The loop that a page of the course shows."""
    optimizer, seed, losses = training.adamw(model, learning_rate), torch.initial_seed(), []
    for step in range(num_steps):
        torch.manual_seed(training.step_seed(seed, step))
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * training.warmup_cosine(step / num_steps)
        loss = noisy_loss(model, batches()[step])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_fit_is_the_loop_of_a_page_bit_for_bit():
    ours, theirs = make(), make()
    history = fit(ours, batches(), noisy_loss, num_steps=30, optimizer=training.adamw(ours, 0.01))
    torch.manual_seed(3)
    assert by_hand(theirs, 30, 0.01) == history.loss
    assert torch.equal(weights(ours), weights(theirs))


def test_the_random_numbers_of_a_step_follow_from_seed_step_and_process():
    seeds = {training.step_seed(a, b, c) for a in range(9) for b in range(9) for c in range(9)}
    assert len(seeds) == 9**3
    assert all(0 <= seed < 2**32 for seed in seeds)
    assert training.step_seed(7, 3, 1) == training.step_seed(7, 3, 1)
    with pytest.raises(ValueError, match="step must be a whole number >= 0; got -1"):
        training.step_seed(0, -1)


def test_a_step_does_not_draw_the_numbers_that_ordered_its_batch():
    order = Batches(torch.arange(100), batch_size=100, seed=5)[3][0]  # of epoch 3
    torch.manual_seed(training.step_seed(5, 3))
    assert not torch.equal(torch.randperm(100), order)


def test_afterwards_the_random_state_is_what_it_was():
    make()
    expected = torch.rand(3)
    fit(make(), batches(), noisy_loss, num_steps=5)
    assert torch.equal(torch.rand(3), expected)
    assert torch.initial_seed() == 3
    for _ in train_steps(make(), batches(), noisy_loss, num_steps=2):
        assert torch.equal(torch.rand(3), expected)  # between steps too
        torch.manual_seed(3)
        make()


def test_another_seed_draws_other_numbers():
    losses = []
    for seed in (0, 1, 0):
        model = make()
        torch.manual_seed(seed)
        losses.append(fit(model, batches(), noisy_loss, num_steps=1).loss[0])
    assert losses[0] == losses[2] != losses[1]


def test_steps_are_yielded_one_by_one():
    records = list(train_steps(make(), batches(), noisy_loss, num_steps=4))
    assert [record.step for record in records] == [1, 2, 3, 4]
    assert all(math.isfinite(record.grad_norm.item()) for record in records)


def falling(progress):
    return 1 - progress


def test_learning_rate_follows_its_schedule_and_a_hand_between_steps():
    model = make()
    optimizer, rates = training.adamw(model, 0.01), []
    options = dict(num_steps=10, optimizer=optimizer, lr_schedule=falling)
    for record in train_steps(model, batches(), noisy_loss, **options):
        rates.append(record.learning_rate)
        if record.step == 4:
            for group in optimizer.param_groups:
                group["lr"] = 0.002
    expected = [(0.01 if k < 4 else 0.002) * (1 - k / 10) for k in range(10)]
    assert rates == pytest.approx(expected)
    assert optimizer.param_groups[0]["lr"] == 0.002  # the peak, where a second call starts
    second = train_steps(model, batches(), noisy_loss, **options)
    assert next(second).learning_rate == pytest.approx(0.002)


def test_warmup_cosine_rises_then_falls_to_zero():
    factors = [training.warmup_cosine(k / 1000) for k in range(1000)]
    peak = factors.index(max(factors))
    assert factors[peak] == pytest.approx(1)
    assert peak == 50
    assert factors[:51] == sorted(factors[:51])
    assert factors[50:] == sorted(factors[50:], reverse=True)
    assert factors[-1] < 1e-4


@pytest.mark.parametrize(("grad_clip", "length"), [(0.5, 0.5), (math.inf, None)])
def test_gradients_are_clipped(grad_clip, length):
    model = nn.Linear(3, 1)
    before = weights(model)
    steps = train_steps(
        model,
        batches(),
        lambda m, b: 1e6 * noisy_loss(m, b),
        num_steps=1,
        optimizer=torch.optim.SGD(model.parameters(), lr=1.0),
        grad_clip=grad_clip,
        lr_schedule=training.constant,
    )
    record = next(steps)
    assert record.grad_norm > 1000
    length = length or record.grad_norm.item()
    assert float((weights(model) - before).norm()) == pytest.approx(length, rel=1e-3)


def test_ema_is_the_average_by_hand_and_a_second_training_goes_on_with_it():
    model = make()
    ema, expected, count = EMA(model, decay=0.9), weights(model), 0
    for num_steps in (30, 20):
        for _ in train_steps(model, batches(), noisy_loss, num_steps=num_steps, ema=ema):
            count += 1
            decay = min(0.9, count / (count + 10))
            expected = decay * expected + (1 - decay) * weights(model)
    assert count == ema.num_updates == 50
    torch.testing.assert_close(weights(ema.model), expected)


def test_ema_takes_over_what_is_counted_and_not_trained():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    ema = EMA(model)
    list(train_steps(model, batches(), noisy_loss, num_steps=3, ema=ema))
    assert int(ema.model[1].num_batches_tracked) == 3
    assert torch.equal(ema.model[1].running_mean, model[1].running_mean)


def test_resume_equals_uninterrupted(tmp_path, capsys):
    path = tmp_path / "run.safetensors"
    whole = make()
    whole_ema = EMA(whole, 0.9)
    history = fit(whole, batches(), noisy_loss, num_steps=50, ema=whole_ema)

    model = stopped_in(make(), 21)
    ema = EMA(model, 0.9)
    with pytest.raises(KeyboardInterrupt, match="after step 21 of 50; saved to run.safetensors"):
        fit(model, batches(), noisy_loss, num_steps=50, ema=ema, checkpoint=path)
    torch.rand(7)  # a new kernel has another random state
    model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
    ema = EMA(model, 0.9)
    resumed = fit(model, batches(), noisy_loss, num_steps=50, ema=ema, checkpoint=path)

    assert capsys.readouterr().out == "Resumed run.safetensors at step 21 of 50.\n"
    assert torch.equal(weights(model), weights(whole))
    assert torch.equal(weights(ema.model), weights(whole_ema.model))
    assert ema.num_updates == 50
    assert resumed.loss == history.loss
    assert not path.exists()


def test_an_interrupt_finishes_the_step_and_handlers_are_restored():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt, match="after step 3 of 50; not saved"):
        fit(stopped_in(make(), 3), batches(), noisy_loss, num_steps=50)
    assert signal.getsignal(signal.SIGINT) is before


def test_after_the_stop_button_the_model_is_in_eval_mode_while_the_traceback_lives():
    model = stopped_in(make(), 3)
    with pytest.raises(KeyboardInterrupt) as held:  # with all frames, as a notebook holds it
        fit(model, batches(), noisy_loss, num_steps=50)
    assert held.tb is not None
    assert not model.training


def test_a_killed_process_resumes_from_its_last_save(tmp_path):
    path = tmp_path / "run.safetensors"
    script = textwrap.dedent(f"""
        import os, sys, torch
        sys.path.insert(0, {os.path.dirname(__file__)!r})
        from test_training import batches, fit, make, noisy_loss
        sys.modules[fit.__module__].SAVE_EVERY = 0
        model = make()
        def die_once_saved(*_):
            if os.path.exists({str(path)!r}):
                os._exit(9)
        model.register_forward_hook(die_once_saved)
        fit(model, batches(), noisy_loss, num_steps=50, checkpoint={str(path)!r})
    """)
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 9
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
    torch.manual_seed(3)
    fit(model, batches(), noisy_loss, num_steps=50, checkpoint=path)
    whole = make()
    fit(whole, batches(), noisy_loss, num_steps=50)
    assert torch.equal(weights(model), weights(whole))


@pytest.mark.usefixtures("kept")
def test_finished_weights_are_loaded(tmp_path, capsys):
    path = tmp_path / "run.safetensors"
    model = make()
    fit(model, batches(), noisy_loss, num_steps=10, checkpoint=path)
    saved = path.read_bytes()
    other = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
    history = fit(other, batches(), noisy_loss, num_steps=10, checkpoint=path)
    assert capsys.readouterr().out == "Loaded the trained weights of run.safetensors (10 steps).\n"
    assert torch.equal(weights(other), weights(model))
    assert not other.training
    assert len(history.loss) == 10
    assert path.read_bytes() == saved


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
