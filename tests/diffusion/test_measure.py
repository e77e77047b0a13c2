import pytest
import torch

from course_utils.diffusion import Cosine, Denoiser, GaussianMixtureDenoiser, error_by_time

POINTS = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])


class Told(torch.nn.Embedding):
    """A network that says the point of the label that it is told, whatever it sees."""

    def forward(self, x_t, t, label):
        return super().forward(label)


def test_error_by_time_measures_what_is_known():
    # One Gaussian N(0, 1): E[eps | x_t] = sigma x_t, so its error is 1 - sigma^2 = alpha^2.
    exact = GaussianMixtureDenoiser(torch.zeros(1, 2), 1.0, Cosine())
    x0 = torch.randn(50_000, 2, generator=torch.Generator().manual_seed(0))
    times = [0.2, 0.5, 0.8]
    errors = error_by_time(exact, x0, times, generator=torch.Generator().manual_seed(1))
    expected = Cosine().alpha_bar(torch.tensor(times))
    torch.testing.assert_close(errors, expected, rtol=0, atol=0.01)
    in_x0 = error_by_time(exact, x0, times, of="x0", generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(in_x0, 1 - expected, rtol=0, atol=0.01)
    with pytest.raises(ValueError, match='"eps" or "x0"'):
        error_by_time(exact, x0, times, of="v")


def test_error_by_time_counts_every_example_once_under_its_own_condition():
    # 1500 examples on a line, in batches of 1000 and 500; no two have the same error.
    model = Denoiser(Told.from_pretrained(POINTS), Cosine(), "x0")
    x0 = torch.linspace(0, 3, 1500)[:, None] * torch.tensor([1.0, 0.0])
    label = (torch.arange(1500) >= 1200).long()
    errors = error_by_time(model, x0, [0.3, 0.7], cond=label, of="x0", batch_size=1000)
    expected = (POINTS[label] - x0).square().mean()
    torch.testing.assert_close(errors, expected.expand(2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(times=[0.0, 0.5]), r"times must lie in \(0, 1\]"),
        (dict(times=[1.5]), r"times must lie in \(0, 1\]"),
        (dict(batch_size=0), "batch_size must be a whole number, at least 1"),
        (dict(x0=torch.zeros(0, 2)), "num_examples must be .* at least 1; got 0"),
        (dict(cond=torch.zeros(3)), "each of 4 examples; got 3"),
    ],
)
def test_wrong_arguments_get_a_clear_error(arguments, message):
    exact = GaussianMixtureDenoiser(torch.zeros(1, 2), 1.0, Cosine())
    arguments = dict(x0=torch.zeros(4, 2), times=[0.5]) | arguments
    with pytest.raises(ValueError, match=message):
        error_by_time(exact, **arguments)
