import pytest
import torch

from course_utils.diffusion import Cosine, Denoiser, UNet, denoising_loss, sample
from course_utils.records import last


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
    some = net(x, t, torch.tensor([0, -1, 2, -1]))  # -1: no label
    torch.testing.assert_close(some[[1, 3]], net(x, t)[[1, 3]], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(some[[0, 2]], together[[0, 2]], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 1, 16, 16), (2, 1, 28, 20)])
def test_unet_returns_the_shape_it_got(shape):
    assert UNet(widths=(8, 16, 24))(torch.zeros(shape), torch.zeros(2)).shape == shape


def test_unet_errors_say_what_to_do():
    with pytest.raises(ValueError, match="divisible by 4.*Pad"):
        UNet()(torch.zeros(1, 1, 14, 14), torch.zeros(1))
    with pytest.raises(ValueError, match="num_classes"):
        UNet()(torch.zeros(1, 1, 16, 16), torch.zeros(1), torch.zeros(1, dtype=torch.long))
    with pytest.raises(ValueError, match=r"\(B, 1, H, W\).*got \(1, 3, 16, 16\).*channels"):
        UNet()(torch.zeros(1, 3, 16, 16), torch.zeros(1))
    with pytest.raises(ValueError, match="got torch.uint8.*images / 127.5 - 1"):
        UNet()(torch.zeros(1, 1, 16, 16, dtype=torch.uint8), torch.zeros(1))


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (torch.tensor([0, 10]), r"in 0 \.\.\. 9, or be -1 for no label; got values from 0 to 10"),
        (torch.tensor([-2, 3]), r"in 0 \.\.\. 9, or be -1 for no label; got values from -2 to 3"),
        (torch.tensor([3]), r"integers of shape \(2,\), one an example; got .* shape \(1,\)"),
        (torch.tensor([3.0, 4.0]), "integers of shape .*; got torch.float32"),
    ],
)
def test_labels_out_of_range_are_named(label, message):
    net = UNet(widths=(8, 16), num_classes=10)
    with pytest.raises(ValueError, match=message):
        net(torch.zeros(2, 1, 8, 8), torch.zeros(2), label)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        (dict(channels=0), "channels must be a whole number, at least 1; got 0"),
        (dict(num_classes=-1), "num_classes must be a whole number, at least 0; got -1"),
        (dict(widths=()), "widths must be multiples of 8, at least one"),
        (dict(widths=(8, 12)), r"multiples of 8, .*got \(8, 12\)"),
        (dict(widths=(0, 8)), "multiples of 8"),
    ],
)
def test_sizes_have_a_range(sizes, message):
    with pytest.raises(ValueError, match=message):
        UNet(**sizes)


def test_a_block_starts_as_its_skip_plus_its_bias():
    block = UNet(widths=(8, 16)).middle
    x, cond = torch.randn(2, 16, 4, 4), torch.randn(2, 32)
    torch.testing.assert_close(block(x, cond), x + block.conv2.bias[:, None, None])


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_trains_and_samples_in_another_precision(dtype):
    torch.manual_seed(0)
    net = UNet(widths=(8, 16), num_classes=10)
    torch.nn.init.normal_(net.down[0].conv2.weight, std=0.1)  # zero at the start
    model, x0, label = Denoiser(net, Cosine(), "v"), torch.randn(8, 1, 8, 8), torch.arange(8)

    def loss():
        torch.manual_seed(1)
        return denoising_loss(model, (x0, label))

    def end():
        steps = sample(model, x0.shape, num_steps=4, x_start=x0, cond=label)
        return last(steps).state

    truth, images = loss().item(), end()
    model.to(dtype)
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    found = loss()
    assert found.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert found.item() == pytest.approx(truth, rel=0.02 if dtype == torch.bfloat16 else 1e-5)
    assert (end() - images).abs().max() < (0.1 if dtype == torch.bfloat16 else 1e-4)
    found.backward()
    read = [p for name, p in net.named_parameters() if p.grad is not None]
    assert {p.grad.dtype for p in read} == {dtype}
    assert len(read) == len(list(net.parameters()))
    optimizer.step()
    assert loss() < found
