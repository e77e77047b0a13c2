import pytest
import torch
from torch import nn

from course_utils import training
from course_utils.diffusion import Cosine, Denoiser, UNet
from course_utils.language import GPT, GPTConfig
from course_utils.training import fitting
from course_utils.training.optimizer import Muon, hidden_matrices, orthogonal


@pytest.mark.parametrize("shape", [(16, 16), (48, 16), (16, 48)])
def test_orthogonal_keeps_directions_and_levels_their_sizes(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    inner = u.mT @ orthogonal(matrix) @ v.mT
    levelled = inner.diagonal()
    assert levelled[s > 0.05 * s.max()].min() > 0.6
    assert levelled.max() < 1.3
    torch.testing.assert_close(inner, levelled.diag(), rtol=0, atol=1e-4)


def test_three_steps_are_those_of_torchs_muon():
    theirs = pytest.importorskip("torch.optim", reason="torch >= 2.9 ships Muon")
    if not hasattr(theirs, "Muon"):
        pytest.skip("torch >= 2.9 ships Muon")
    torch.manual_seed(0)
    ours = nn.Parameter(torch.randn(24, 16))
    copy = nn.Parameter(ours.detach().clone())
    a = Muon([ours], [{"params": []}], learning_rate=0.1, weight_decay=0.01)
    b = theirs.Muon([copy], lr=0.1, weight_decay=0.01, momentum=0.95)
    for _ in range(3):
        ours.grad = torch.randn(24, 16)
        copy.grad = ours.grad.clone()
        a.step()
        b.step()
    # torch iterates in bfloat16, which keeps two digits of a step of size 0.1.
    torch.testing.assert_close(ours, copy, rtol=0, atol=0.01)
    assert (ours - copy).abs().mean() < 1e-3


def test_what_meets_the_data_and_what_is_no_matrix_is_left_to_adamw():
    gpt = GPT(GPTConfig(11, num_layers=1, width=16))
    names = {id(p): name for name, p in gpt.named_parameters()}
    assert {names[id(p)] for p in hidden_matrices(gpt)} == {
        "blocks.0.attention.qkv.weight",
        "blocks.0.attention.project.weight",
        "blocks.0.mlp.0.weight",
        "blocks.0.mlp.2.weight",
    }
    painter = Denoiser(UNet(widths=(8, 8)), Cosine())
    hidden = {id(p) for p in hidden_matrices(painter)}
    assert id(painter.net.down[0].conv1.weight) in hidden
    assert not {id(p) for p in painter.net.enter.parameters()} & hidden
    optimizer = training.muon(painter)
    grouped = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in painter.parameters())


def regression(model, batch):
    x, y = batch
    return (model(x) - y).square().mean()


def network():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1)
    )
    model.edges = ("0", "4")
    return model


def batch():
    x = torch.randn(64, 4, generator=torch.Generator().manual_seed(1))
    return x, x.prod(1, keepdim=True)


def test_an_interrupted_run_goes_on_bit_for_bit(tmp_path, monkeypatch):
    def train(model, batches, **options):
        muon = training.muon(model, 0.02)
        training.fit(model, batches, regression, num_steps=12, optimizer=muon, **options)

    monkeypatch.setattr(fitting, "SAVE_EVERY", 0)
    whole, halves = network(), network()
    train(whole, [batch()] * 12)

    class Stop:
        def __getitem__(self, step):
            if step == 5:
                raise KeyboardInterrupt
            return batch()

    path = tmp_path / "run.safetensors"
    with pytest.raises(KeyboardInterrupt):
        train(halves, Stop(), checkpoint=path)
    fresh = network()
    train(fresh, [batch()] * 12, checkpoint=path)
    for a, b in zip(whole.parameters(), fresh.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_bad_step_changes_nothing_and_later_ones_are_good():
    model = network()
    optimizer = training.muon(model)
    x, y = batch()

    def step(scale):
        optimizer.zero_grad()
        (regression(model, (x, y)) * scale).backward()
        norm = nn.utils.get_total_norm([p.grad for p in model.parameters()])
        optimizer.grad_scale, optimizer.found_inf = None, (~norm.isfinite()).float()
        optimizer.step()

    step(1.0)
    before = [p.detach().clone() for p in model.parameters()]
    step(float("nan"))
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    step(1.0)
    assert all(p.isfinite().all() for p in model.parameters())
    assert not torch.equal(before[0], next(model.parameters()))


def test_muon_asks_which_layers_are_not_hidden():
    model = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 1))
    with pytest.raises(ValueError, match=r"Sequential does not say .*model.edges = "):
        training.muon(model)
    model.edges = ("0", "2")
    assert training.muon(model).param_groups[-1]["params"] == []
    model.edges = ()
    assert len(training.muon(model).param_groups[-1]["params"]) == 2
