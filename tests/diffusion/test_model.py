import pytest
import torch

from course_utils.diffusion import (
    Cosine,
    Denoiser,
    Flow,
    LinearBeta,
    PointMLP,
    add_noise,
    denoising_loss,
    stratified_times,
)
from course_utils.diffusion.model import TARGETS
from course_utils.training.optimizer import hidden_matrices


@pytest.mark.parametrize("schedule", [LinearBeta(), Cosine(), Flow()], ids=repr)
@pytest.mark.parametrize("predicts", TARGETS)
def test_every_target_inverts_exactly(predicts, schedule):
    generator = torch.Generator().manual_seed(0)
    x0 = torch.randn(64, 3, generator=generator, dtype=torch.float64)
    t = torch.linspace(0.05, 0.95, 64, dtype=torch.float64)
    x_t, eps = add_noise(x0, t, schedule, generator=generator)
    denoiser = Denoiser(torch.nn.Identity(), schedule, predicts)
    said = denoiser.interpret(denoiser.target(x0, eps, t), x_t, t)
    torch.testing.assert_close(said.x0_hat, x0, rtol=0, atol=1e-9)
    torch.testing.assert_close(said.eps_hat, eps, rtol=0, atol=1e-9)


def test_targets_are_the_papers():
    x0, eps, t = torch.tensor([[2.0]]), torch.tensor([[-1.0]]), torch.tensor([0.4])
    schedule = LinearBeta()
    alpha, sigma = schedule.at(t, x0)
    expected = {"eps": eps, "x0": x0, "v": alpha * eps - sigma * x0, "flow": eps - x0}
    for predicts, target in expected.items():
        denoiser = Denoiser(torch.nn.Identity(), schedule, predicts)
        torch.testing.assert_close(denoiser.target(x0, eps, t), target)


def test_unknown_target_is_named():
    with pytest.raises(ValueError, match="eps, x0, v, flow; got 'noise'"):
        Denoiser(PointMLP(), Cosine(), "noise")


@pytest.mark.parametrize(
    ("predicts", "t", "message"),
    [
        ("eps", 1.0, "alpha = 0 .*of eps does not.*t_start=0.99"),
        ("x0", 0.0, "sigma = 0 .*of x0 does not.*t > 0"),
    ],
)
def test_where_one_factor_is_zero_the_other_is_not_known(predicts, t, message):
    denoiser, x = Denoiser(torch.nn.Identity(), Flow(), predicts), torch.ones(3, 2)
    with pytest.raises(ValueError, match=message):
        denoiser.interpret(x, x, torch.tensor([0.5, t, 0.5]))
    for other in {"eps", "x0", "v", "flow"} - {predicts}:
        said = Denoiser(torch.nn.Identity(), Flow(), other).interpret(x, x, t)
        assert said.x0_hat.isfinite().all()
        assert said.eps_hat.isfinite().all()


def test_a_time_for_all_is_one_for_each():
    model, x = Denoiser(PointMLP(), Cosine()), torch.randn(3, 2)
    torch.testing.assert_close(model(x, 0.3).x0_hat, model(x, torch.full((3,), 0.3)).x0_hat)


def test_a_network_is_shown_copies():
    class Greedy(torch.nn.Module):
        def forward(self, x, t, cond):
            answer = x + cond
            x.zero_(), t.zero_(), cond.zero_()
            return answer

    model = Denoiser(Greedy(), Flow(), "flow")
    x, t, cond = torch.randn(3, 2), torch.rand(3), torch.randn(3, 2)
    mine = x.clone(), t.clone(), cond.clone()
    said = model(x, t, cond)
    assert all(torch.equal(*pair) for pair in zip((x, t, cond), mine, strict=True))
    torch.testing.assert_close(said.eps_hat - said.x0_hat, x + cond)  # what the network said
    torch.manual_seed(0)
    x_t, eps = add_noise(x, stratified_times(3), Flow())
    torch.manual_seed(0)
    loss = denoising_loss(model, (x, cond))
    torch.testing.assert_close(loss, (x_t + cond - (eps - x)).square().mean())


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_points_are_learned_in_another_precision(dtype):
    torch.manual_seed(0)
    model, x0 = Denoiser(PointMLP(), Cosine(), "v"), torch.randn(64, 2)

    def loss():
        torch.manual_seed(1)
        return denoising_loss(model, (x0,))

    truth = loss().item()
    model.to(dtype)
    found = loss()
    assert found.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert found.item() == pytest.approx(truth, rel=0.01)
    found.backward()
    torch.optim.SGD(model.parameters(), 0.05).step()
    assert loss() < found


def test_the_network_tells_a_thousand_times_apart_in_any_precision():
    times = []
    model = Denoiser(PointMLP().bfloat16(), Cosine(), "v")
    model.net.register_forward_pre_hook(lambda net, inputs: times.append(inputs[1]))
    denoising_loss(model, (torch.randn(1000, 2),))
    model(torch.randn(1000, 2).bfloat16(), torch.linspace(0.001, 1, 1000))
    for t in times:
        assert t.dtype == torch.float32
        assert len(t.unique()) == 1000


def test_muon_leaves_the_first_and_last_layer_alone():
    net = PointMLP()
    hidden = {id(p) for p in hidden_matrices(net)}
    assert hidden == {id(layer.weight) for layer in net.layers}


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        (dict(dimensions=0), "dimensions must be a whole number, at least 1; got 0"),
        (dict(num_layers=-1), "num_layers must be a whole number, at least 0; got -1"),
        (dict(width=10), "width must be a multiple of 4, at least 8; got 10"),
        (dict(width=0), "width must be a multiple of 4"),
    ],
)
def test_sizes_have_a_range(sizes, message):
    with pytest.raises(ValueError, match=message):
        PointMLP(**sizes)
