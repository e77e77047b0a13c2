import pytest
import torch

from course_utils.diffusion import Cosine, Denoiser, Flow, LinearBeta, PointMLP, UNet, add_noise
from course_utils.diffusion.model import TARGETS


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


def test_an_example_depends_on_itself_and_its_time_alone():
    torch.manual_seed(0)
    net = UNet(widths=(8, 16), num_classes=10).eval()
    torch.nn.init.normal_(net.down[0].conv2.weight, std=0.1)  # zero at the start
    x, t, label = torch.randn(4, 1, 8, 8), torch.rand(4), torch.arange(4)
    together = net(x, t, label)
    alone = torch.cat([net(x[i : i + 1], t[i : i + 1], label[i : i + 1]) for i in range(4)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(together, net(x, t.flip(0), label))
    assert not torch.allclose(together, net(x, t, label.flip(0)))


@pytest.mark.parametrize("shape", [(2, 1, 16, 16), (2, 1, 28, 20)])
def test_unet_returns_the_shape_it_got(shape):
    assert UNet(widths=(8, 16, 24))(torch.zeros(shape), torch.zeros(2)).shape == shape


def test_unet_errors_say_what_to_do():
    with pytest.raises(ValueError, match="divisible by 4.*Pad"):
        UNet()(torch.zeros(1, 1, 14, 14), torch.zeros(1))
    with pytest.raises(ValueError, match="num_classes"):
        UNet()(torch.zeros(1, 1, 16, 16), torch.zeros(1), torch.zeros(1, dtype=torch.long))
