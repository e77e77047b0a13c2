"""bfloat16 and compiling, as far as a CPU can show them."""

import pytest
import torch
from torch import nn

from course_utils.training import accelerated, train_steps
from course_utils.training.accelerate import compiled, in_bfloat16

CPU = torch.device("cpu")


def loss_fn(model, batch):
    return model(batch).square().mean()


def test_other_devices_keep_their_loss():
    assert accelerated(loss_fn, CPU) is loss_fn
    assert accelerated(loss_fn, torch.device("mps")) is loss_fn


def test_bfloat16_rounds_products_and_trains_float32_weights():
    model, batch = nn.Linear(64, 64), torch.randn(32, 64)
    exact, rounded = loss_fn(model, batch), in_bfloat16(loss_fn, CPU)(model, batch)
    assert 0 < abs(exact.item() - rounded.item()) < 0.02 * exact.item()
    rounded.backward()
    assert model.weight.grad.dtype == torch.float32


@pytest.mark.parametrize(("can", "says"), [(True, ""), (False, "has no bfloat16")])
def test_a_card_gets_what_it_can_do(can, says, monkeypatch, capsys):
    seen = []
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: can)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "This card")
    monkeypatch.setattr(torch, "compile", lambda loss: seen.append(loss) or loss)
    accelerated(loss_fn, torch.device("cuda"))
    assert (seen[0] is loss_fn) is not can
    assert says in capsys.readouterr().out


def test_where_compiling_fails_training_goes_on_and_says_so_once(monkeypatch, capsys):
    def no_compiler(_):
        def call(model, batch):
            raise RuntimeError("no C++ compiler\nlong trace")

        return call

    monkeypatch.setattr(torch, "compile", no_compiler)
    model, batch = nn.Linear(4, 4), torch.randn(8, 4)
    loss = compiled(loss_fn)
    assert loss(model, batch).item() == loss(model, batch).item() == loss_fn(model, batch).item()
    assert capsys.readouterr().out == (
        "Not compiled (no C++ compiler): training goes on with plain kernels.\n"
    )


def test_an_error_of_the_loss_itself_is_raised(monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda loss: loss)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        compiled(loss_fn)(nn.Linear(4, 4), torch.randn(8, 5))


def test_the_loop_accelerates_on_request_only(monkeypatch):
    asked = []
    monkeypatch.setattr(
        "course_utils.training.loop.accelerated", lambda loss, device: asked.append(device) or loss
    )
    batches = [torch.randn(8, 4)] * 2
    for accelerate in (False, True):
        steps = train_steps(nn.Linear(4, 4), batches, loss_fn, num_steps=2, accelerate=accelerate)
        assert len(list(steps)) == 2
        assert asked == [CPU] * accelerate
