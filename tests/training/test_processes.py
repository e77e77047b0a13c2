"""Several processes under torchrun, with accelerate in front; on the CPU, over gloo."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from torch import nn

from course_utils.data import Batches
from course_utils.training import adamw, fit, fitting, train_steps
from course_utils.training.processes import Alone, shares

accelerate = pytest.importorskip("accelerate", reason="needs the extra scale")

DATA = torch.randn(256, 3, generator=torch.Generator().manual_seed(0))
TIMEOUT = 120  # seconds; for a machine that is busy
SCRIPT = textwrap.dedent("""
    import json, os, sys, warnings
    from pathlib import Path
    sys.path.insert(0, {here!r})
    import test_processes as t
    warnings.simplefilter("ignore")
    import accelerate, torch
    t.fitting.SAVE_EVERY = 0
    folder = Path({folder!r})
    accelerator = accelerate.Accelerator(cpu=True)
    model = t.make()
    class Stopped(t.Batches):
        def batch(self, index):
            if index == {stop}:
                raise RuntimeError("stopped here")
            return super().batch(index)
    try:
        history = t.fit(
            model, Stopped(t.DATA, batch_size=32), t.loss, num_steps=20, accelerator=accelerator,
            checkpoint=folder / "run.safetensors",
        )
    except RuntimeError:
        print("stopped", accelerator.process_index, flush=True)
        os._exit(0)
    rank = accelerator.process_index
    torch.save([p.detach() for p in model.parameters()], folder / f"weights{{rank}}.pt")
    (folder / f"loss{{rank}}.json").write_text(json.dumps(history.loss))
    accelerator.end_training()
""")


def make():
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))


def loss(model, batch):
    """Without random numbers, and through a part of the model behind a wrapper's back."""
    (x,) = batch
    hidden = model[1](model[0](x))
    return (model[2](hidden) - x.sum(1, keepdim=True)).square().mean()


def weights(model):
    return [p.detach() for p in model.parameters()]


def torchrun(folder: Path, processes: int, stop: int = -1) -> str:
    """What the processes print; their weights and losses lie in the folder."""
    script = folder / "train.py"
    here = os.path.dirname(__file__)
    script.write_text(SCRIPT.format(here=here, folder=str(folder), stop=stop), encoding="utf-8")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += [f"--nproc_per_node={processes}", str(script)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "0"}
    run = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout + run.stderr


@pytest.fixture(scope="module")
def alone():
    """The weights and losses of one process with the whole batch, without accelerate."""
    model = make()
    history = fit(model, Batches(DATA, batch_size=32), loss, num_steps=20)
    return weights(model), history.loss


def test_two_processes_end_where_one_does_and_one_alone_speaks(tmp_path, alone):
    said = torchrun(tmp_path, 2)
    expected, losses = alone
    for rank in (0, 1):
        found = torch.load(tmp_path / f"weights{rank}.pt", weights_only=True)
        # Sums in another order: the seventh digit, grown over 20 steps.
        for a, b in zip(found, expected, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
        found_losses = json.loads((tmp_path / f"loss{rank}.json").read_text(encoding="utf-8"))
        assert found_losses == pytest.approx(losses, rel=1e-4)
    assert said.count("20/20") <= 1  # one progress bar
    assert not (tmp_path / "run.safetensors").exists()
    assert not list(tmp_path.glob("*.part"))


def test_a_run_goes_on_with_another_number_of_processes(tmp_path, alone):
    said = torchrun(tmp_path, 2, stop=8)
    assert said.count("stopped") == 2
    assert (tmp_path / "run.safetensors").is_file()
    said = torchrun(tmp_path, 1)
    assert said.count("Resumed run.safetensors at step 8 of 20.") == 1
    found = torch.load(tmp_path / "weights0.pt", weights_only=True)
    for a, b in zip(found, alone[0], strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_resumed_by_two_it_is_said_once(tmp_path, alone):
    torchrun(tmp_path, 1, stop=8)
    said = torchrun(tmp_path, 2)
    assert said.count("Resumed run.safetensors at step 8 of 20.") == 1
    found = torch.load(tmp_path / "weights1.pt", weights_only=True)
    for a, b in zip(found, alone[0], strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.fixture
def fresh():
    """Accelerate remembers its settings over a process: forget them."""
    accelerate.state.AcceleratorState._reset_state(reset_partial_state=True)
    accelerate.state.GradientState._reset_state()
    yield
    accelerate.state.AcceleratorState._reset_state(reset_partial_state=True)
    accelerate.state.GradientState._reset_state()


def test_gradients_of_four_pieces_are_those_of_the_whole_batch(fresh, alone):
    model = make()
    accelerator = accelerate.Accelerator(cpu=True, gradient_accumulation_steps=4)
    batches = Batches(DATA, batch_size=32)
    history = fit(model, batches, loss, num_steps=20, accelerator=accelerator)
    for a, b in zip(weights(model), alone[0], strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    assert history.loss == pytest.approx(alone[1], rel=1e-4)


def test_bfloat16_rounds_products_and_trains_float32_weights(fresh, alone):
    model, seen = make(), []

    def noted(model, batch):
        seen.append(model[0](batch[0]).dtype)
        return loss(model, batch)

    accelerator = accelerate.Accelerator(cpu=True, mixed_precision="bf16")
    fit(model, Batches(DATA, batch_size=32), noted, num_steps=20, accelerator=accelerator)
    assert set(seen) == {torch.bfloat16}
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    difference = max(
        float((a - b).abs().max()) for a, b in zip(weights(model), alone[0], strict=True)
    )
    assert 0 < difference < 0.05
    assert model(DATA[:1]).dtype == torch.float32  # afterwards the model is as it was


@pytest.mark.parametrize("wrong", [True, "bf16", object()])
def test_what_is_no_accelerator_is_refused(wrong):
    with pytest.raises(TypeError, match="must be an accelerate.Accelerator"):
        fit(make(), Batches(DATA, batch_size=32), loss, num_steps=2, accelerator=wrong)


class Four(Alone):
    """The second of two processes, with two backward passes a step."""

    process_index, num_processes, gradient_accumulation_steps = 1, 2, 2


def test_shares_together_are_the_batch():
    x, y = torch.arange(8), torch.arange(8) * 10
    assert [part[0].tolist() for part in shares((x, y), Four())] == [[4, 5], [6, 7]]
    assert [part[1].tolist() for part in shares((x, y), Four())] == [[40, 50], [60, 70]]
    assert [part.tolist() for part in shares(x, Four())] == [[4, 5], [6, 7]]
    assert shares("anything", Alone()) == ["anything"]


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ((torch.zeros(6),), r"multiple of 2 processes x 2 pieces = 4 examples.*got \[6\]"),
        ((torch.zeros(8), torch.zeros(4)), r"got \[4, 8\]"),
        ({"x": torch.zeros(8)}, "a tensor or a tuple of tensors"),
    ],
)
def test_what_cannot_be_shared_equally_is_refused(batch, message):
    with pytest.raises(ValueError, match=message):
        shares(batch, Four())


def test_the_plain_loop_and_an_accelerator_of_one_process_are_the_same_bits(fresh):
    model, other = make(), make()
    batches = Batches(DATA, batch_size=32)
    options = dict(num_steps=10)
    list(train_steps(model, batches, loss, optimizer=adamw(model), **options))
    engine = accelerate.Accelerator(cpu=True)
    list(train_steps(other, batches, loss, optimizer=adamw(other), accelerator=engine, **options))
    for a, b in zip(weights(model), weights(other), strict=True):
        assert torch.equal(a, b)


assert fitting  # the script reaches it through this module
