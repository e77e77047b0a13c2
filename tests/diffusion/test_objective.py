import pytest
import torch

from course_utils import training
from course_utils.data import Batches
from course_utils.diffusion import (
    Cosine,
    Denoiser,
    ExactDenoiser,
    PointMLP,
    add_noise,
    denoising_loss,
    error_by_time,
    stratified_times,
)


def test_add_noise_has_the_mean_and_variance_of_the_schedule():
    x0 = torch.full((100_000, 1), 3.0)
    x_t, eps = add_noise(x0, 0.4, Cosine(), generator=torch.Generator().manual_seed(0))
    alpha, sigma = float(Cosine().alpha(0.4)), float(Cosine().sigma(0.4))
    assert x_t.mean().item() == pytest.approx(3 * alpha, abs=0.01)
    assert x_t.std().item() == pytest.approx(sigma, abs=0.01)
    torch.testing.assert_close(x_t, alpha * x0 + sigma * eps)


def test_noise_comes_from_the_generator():
    x0 = torch.zeros(5, 2)
    first, _ = add_noise(x0, 0.5, Cosine(), generator=torch.Generator().manual_seed(1))
    again, _ = add_noise(x0, 0.5, Cosine(), generator=torch.Generator().manual_seed(1))
    other, _ = add_noise(x0, 0.5, Cosine(), generator=torch.Generator().manual_seed(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_stratified_times_take_one_from_each_slice():
    t = stratified_times(50)
    slices = (t * 50).floor().long()
    assert torch.equal(slices.sort().values, torch.arange(50))
    assert not torch.equal(slices, torch.arange(50))  # an example must not keep one noise level


@pytest.mark.parametrize("predicts", ["eps", "x0", "v", "flow"])
def test_training_on_two_points_comes_close_to_the_exact_denoiser(predicts):
    torch.manual_seed(0)
    points = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
    model = Denoiser(PointMLP(width=64), Cosine(), predicts)
    batches = Batches(points.repeat(64, 1), batch_size=128)
    training.fit(model, batches, denoising_loss, num_steps=800)

    def error(denoiser):
        generator = torch.Generator().manual_seed(1)
        return error_by_time(denoiser, points.repeat(500, 1), [0.5, 0.8], generator=generator)

    best, trained = error(ExactDenoiser(points, Cosine())), error(model)
    assert bool((trained < 1.3 * best).all())
    assert bool((trained > 0.97 * best).all())  # nothing beats it


def test_times_are_uniform_inside_their_slices():
    torch.manual_seed(0)
    inside = 2000 * stratified_times(2000).sort().values - torch.arange(2000)
    assert inside.mean().item() == pytest.approx(1 / 2, abs=0.03)
    assert inside.std().item() == pytest.approx(12**-0.5, abs=0.02)


class Told(torch.nn.Embedding):
    """A network that says the point of the label that it is told, whatever it sees."""

    def forward(self, x_t, t, label):
        return super().forward(label)


POINTS = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])


def test_the_loss_follows_the_condition():
    model, label = Denoiser(Told.from_pretrained(POINTS), Cosine(), "x0"), torch.tensor([0, 1, 1])
    assert denoising_loss(model, (POINTS[label], label)).item() == 0
    assert denoising_loss(model, (POINTS[label], 1 - label)).item() == 4


class Listens(torch.nn.Module):
    """A network that keeps the labels that it is told."""

    def forward(self, x_t, t, label):
        self.label = label
        return x_t


def test_a_share_of_the_labels_is_hidden_and_the_caller_keeps_all():
    net, label = Listens(), torch.arange(4000) % 10
    model = Denoiser(net, Cosine(), "v")
    torch.manual_seed(0)
    for share in (0.0, 0.25, 1.0):
        denoising_loss(model, (torch.randn(4000, 2), label), drop=share)
        hidden = net.label == -1
        assert hidden.float().mean().item() == pytest.approx(share, abs=0.03)
        assert torch.equal(net.label[~hidden], label[~hidden])
    assert label.min() == 0


@pytest.mark.parametrize(
    ("cond", "drop", "message"),
    [
        ([], 0.1, r"labels \(B,\).*integers.*got no condition"),
        ([torch.randn(3)], 0.1, "got torch.float32"),
        ([torch.zeros(3, dtype=torch.uint8)], 0.1, "got torch.uint8.*labels.long"),
        ([torch.zeros(3, dtype=torch.bool)], 0.1, "got torch.bool"),
        ([torch.zeros(3, 2, 1, dtype=torch.long)], 0.1, r"of \(3, 2, 1\)"),
        ([torch.arange(3)], 1.5, r"drop must lie in \[0, 1\].*got 1.5"),
        ([torch.arange(3)], -0.1, r"drop must lie in \[0, 1\]"),
        ([torch.arange(3)], float("nan"), r"drop must lie in \[0, 1\]"),
    ],
)
def test_what_cannot_be_hidden_is_refused(cond, drop, message):
    with pytest.raises(ValueError, match=message):
        denoising_loss(Denoiser(Listens(), Cosine()), (torch.randn(3, 2), *cond), drop=drop)


def test_a_batch_is_a_tuple():
    x0 = torch.randn(3, 2)  # of two rows a careless loss would make x0 and cond
    for wrong in (x0, x0[:2]):
        with pytest.raises(ValueError, match=r"tuple \(x0,\) or \(x0, cond\).*Write \(x0,\)"):
            denoising_loss(Denoiser(PointMLP(), Cosine()), wrong)
    assert denoising_loss(Denoiser(PointMLP(), Cosine()), (x0,)).isfinite()


def test_images_of_bytes_are_refused():
    image = torch.zeros(2, 1, 8, 8, dtype=torch.uint8)
    with pytest.raises(ValueError, match="x0 must be floating point.*uint8.*images / 127.5 - 1"):
        add_noise(image, 0.5, Cosine())
    with pytest.raises(ValueError, match="x_t must be floating point.*uint8"):
        Denoiser(torch.nn.Identity(), Cosine(), "v")(image, 0.5)
    with pytest.raises(ValueError, match=r"images / 127.5 - 1"):
        denoising_loss(Denoiser(PointMLP(), Cosine()), (image,))


@pytest.mark.parametrize("num", [0, -3, 2.5])
def test_the_number_of_times_has_a_range(num):
    with pytest.raises(ValueError, match="num must be a whole number, at least 1"):
        stratified_times(num)
