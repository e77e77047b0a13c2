import pytest
import torch

from course_utils.diffusion import Cosine, ExactDenoiser, Flow, GaussianMixtureDenoiser, LinearBeta


@pytest.mark.parametrize("schedule", [LinearBeta(), Cosine(), Flow()], ids=repr)
def test_exact_denoiser_against_brute_force(schedule):
    generator = torch.Generator().manual_seed(0)
    data = torch.randn(7, 2, 3, generator=generator, dtype=torch.float64)
    x_t = torch.randn(5, 2, 3, generator=generator, dtype=torch.float64)
    t = torch.tensor([0.1, 0.3, 0.5, 0.7, 0.9], dtype=torch.float64)
    said = ExactDenoiser(data, schedule)(x_t, t)
    for x, time, x0_hat, eps_hat in zip(x_t, t, said.x0_hat, said.eps_hat, strict=True):
        alpha, sigma = schedule.alpha(time), schedule.sigma(time)
        likelihood = [torch.exp(-((x - alpha * x0) ** 2).sum() / (2 * sigma**2)) for x0 in data]
        expected = sum(w * x0 for w, x0 in zip(likelihood, data, strict=True)) / sum(likelihood)
        torch.testing.assert_close(x0_hat, expected)
        torch.testing.assert_close(eps_hat, (x - alpha * expected) / sigma)


def test_mixture_against_integration_on_a_grid():
    schedule, t = Cosine(), torch.tensor([0.45], dtype=torch.float64)
    means, weights = torch.tensor([[-1.0], [0.5]], dtype=torch.float64), torch.tensor([1.0, 3.0])
    exact = GaussianMixtureDenoiser(means, 0.2, schedule, weights)
    grid = torch.linspace(-4, 4, 40_001, dtype=torch.float64)
    prior = sum(
        w * torch.exp(-((grid - m) ** 2) / (2 * 0.2**2))
        for w, m in zip((0.25, 0.75), (-1.0, 0.5), strict=True)
    )
    x_t = torch.tensor([[0.1]], dtype=torch.float64)
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    posterior = prior * torch.exp(-((x_t[0] - alpha * grid) ** 2) / (2 * sigma**2))
    expected = (posterior * grid).sum() / posterior.sum()
    assert exact(x_t, t).x0_hat.item() == pytest.approx(expected.item(), abs=1e-6)


def test_log_prob_integrates_to_one():
    exact = GaussianMixtureDenoiser(torch.tensor([[-1.0], [2.0]]), 0.3, Cosine())
    grid = torch.linspace(-6, 6, 20_001)[:, None]
    density = exact.log_prob(grid, torch.full((len(grid),), 0.4)).exp()
    assert torch.trapezoid(density, grid[:, 0]).item() == pytest.approx(1, abs=1e-4)


def test_score_of_log_prob_is_minus_eps_over_sigma():
    exact = GaussianMixtureDenoiser(torch.randn(4, 2, dtype=torch.float64), 0.2, Cosine())
    x_t = torch.randn(6, 2, dtype=torch.float64, requires_grad=True)
    t = torch.full((6,), 0.5, dtype=torch.float64)
    (score,) = torch.autograd.grad(exact.log_prob(x_t, t).sum(), x_t)
    torch.testing.assert_close(score, -exact(x_t, t).eps_hat / Cosine().sigma(t)[:, None])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(means=torch.zeros(3), std=0.1), "shape"),
        (dict(means=torch.zeros(3, 2), std=0.1, weights=torch.ones(2)), "weights"),
        (dict(means=torch.zeros(3, 2), std=-0.1), "must be >= 0"),
        (dict(means=torch.zeros(3, 2), std=float("nan")), "must be >= 0"),
        (dict(means=torch.zeros(1, 2), std=0.1, weights=-torch.ones(1)), "must be >= 0"),
        (dict(means=torch.zeros(3, 2), std=0.1, weights=torch.zeros(3)), "one weight above"),
    ],
)
def test_wrong_mixtures_get_a_clear_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixtureDenoiser(schedule=Cosine(), **arguments)


def test_a_component_of_weight_zero_counts_for_nothing():
    means, t = torch.tensor([[-1.0], [2.0]]), torch.tensor([0.5])
    two = GaussianMixtureDenoiser(means, 0.3, Cosine(), torch.tensor([1.0, 0.0]))
    one = GaussianMixtureDenoiser(means[:1], 0.3, Cosine())
    x_t = torch.tensor([[0.4]])
    torch.testing.assert_close(two(x_t, t).x0_hat, one(x_t, t).x0_hat)


def test_log_prob_of_images_keeps_its_digits_at_little_noise():
    generator = torch.Generator().manual_seed(0)
    data = torch.randn(200, 256, generator=generator)
    x_t, t = data[:5] + 0.01 * torch.randn(5, 256, generator=generator), torch.full((5,), 0.01)
    exact = ExactDenoiser(data, Flow()).log_prob(x_t, t)
    precise = ExactDenoiser(data.double(), Flow()).log_prob(x_t.double(), t.double())
    torch.testing.assert_close(exact.double(), precise, rtol=1e-4, atol=0.1)


def test_other_shapes_than_those_of_the_data_are_refused():
    with pytest.raises(ValueError, match=r"2 numbers an example.*\(5, 3\)"):
        ExactDenoiser(torch.zeros(7, 2), Cosine())(torch.zeros(5, 3), torch.full((5,), 0.5))


def test_without_noise_there_is_none_to_estimate():
    exact = GaussianMixtureDenoiser(torch.zeros(1, 2), 1.0, Cosine())
    with pytest.raises(ValueError, match="t must be above 0"):
        exact(torch.zeros(5, 2), torch.zeros(5))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_is_exact_in_another_precision(dtype):
    means = torch.tensor([[-1.0, 0.5], [2.0, 1.0]])  # bfloat16 has these numbers
    x_t, t = torch.randn(5, 2), torch.full((5,), 0.5)
    truth = GaussianMixtureDenoiser(means, 0.3, Cosine())(x_t, t).x0_hat
    said = GaussianMixtureDenoiser(means.to(dtype), 0.3, Cosine())(x_t, t).x0_hat
    torch.testing.assert_close(said, truth.to(said.dtype), rtol=0.02, atol=0.02)
