"""Guidance against the score of two mixtures, worked out by torch's own distributions."""

import pytest
import torch
from torch import nn
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from course_utils import measure
from course_utils.diffusion import (
    Cosine,
    Denoiser,
    Flow,
    GaussianMixtureDenoiser,
    Guided,
    LinearBeta,
    PointMLP,
    UNet,
    ancestral,
    ddim,
    dpm_solver_2m,
    error_by_time,
    heun,
    sample,
)
from course_utils.records import Prediction, last

CENTRES = torch.tensor([[1.2, 0.0], [-0.4, 1.0], [-0.4, -1.0]], dtype=torch.float64)
STD = 0.3


class Labelled(nn.Module):
    """The exact denoiser of three Gaussians: label k has the k-th, -1 the mixture of all."""

    def __init__(self, schedule):
        super().__init__()
        self.schedule = schedule
        parts = [CENTRES[k : k + 1] for k in range(3)]
        self.parts = nn.ModuleList(
            GaussianMixtureDenoiser(means, STD, schedule) for means in [*parts, CENTRES]
        )

    def forward(self, x_t, t, cond=None):
        cond = torch.full((len(x_t),), -1) if cond is None else cond
        said = [part(x_t, t) for part in self.parts]
        rows = cond, torch.arange(len(x_t))
        return Prediction(*(torch.stack(z)[rows] for z in zip(*map(both, said), strict=True)))


def both(said):
    return said.x0_hat, said.eps_hat


def score(x, alpha, sigma, centres):
    """The gradient of the log density of x_t, by autograd."""
    x = x.clone().requires_grad_()
    spread = ((alpha * STD) ** 2 + sigma**2) ** 0.5
    normals = Independent(Normal(alpha * centres, spread), 1)
    density = MixtureSameFamily(Categorical(torch.ones(len(centres))), normals).log_prob(x)
    return torch.autograd.grad(density.sum(), x)[0]


@pytest.mark.parametrize("schedule", [LinearBeta(), Cosine(), Flow()], ids=repr)
@pytest.mark.parametrize("scale", [-1.0, 0.0, 0.5, 1.0, 3.0])
def test_the_guided_score_is_the_closed_form(schedule, scale):
    torch.manual_seed(0)
    x, label, t = torch.randn(30, 2, dtype=torch.float64), torch.arange(30) % 3, 0.4
    alpha, sigma = schedule.level(t)
    said = Guided(Labelled(schedule), scale)(x, t, label)
    without = score(x, alpha, sigma, CENTRES)
    with_label = torch.stack(
        [score(x[k : k + 1], alpha, sigma, CENTRES[c : c + 1])[0] for k, c in enumerate(label)]
    )
    expected = without + scale * (with_label - without)
    torch.testing.assert_close(-said.eps_hat / sigma, expected)
    torch.testing.assert_close(alpha * said.x0_hat + sigma * said.eps_hat, x)


@pytest.mark.parametrize("make", [lambda: ddim, lambda: heun, dpm_solver_2m, ancestral])
def test_every_step_of_sample_works_with_guidance(make):
    model, label = Labelled(Cosine()), torch.arange(300) % 3
    torch.manual_seed(0)

    def end(scale):
        run = sample(Guided(model, scale), (300, 2), num_steps=60, step=make(), cond=label)
        return last(run).state

    plain, guided = end(1.0), end(3.0)
    own = CENTRES[label].to(plain)
    assert float((plain - own).square().mean().sqrt()) == pytest.approx(STD, rel=0.15)
    # Outwards, away from the other classes: the product of densities is larger there.
    assert float((guided * own).sum(1).mean()) > 1.05 * float((plain * own).sum(1).mean())


@pytest.mark.parametrize(
    ("scale", "interval", "calls"),
    [
        (3.0, None, [2, 4, 6, 8]),
        (1.0, None, [1, 2, 3, 4]),
        (0.0, None, [1, 2, 3, 4]),
        (3.0, (0.4, 0.8), [1, 3, 5, 6]),  # times 1, 0.75, 0.5, 0.25
        (3.0, (0.9, 1.0), [2, 3, 4, 5]),
    ],
)
def test_calls_are_counted_as_they_cost(scale, interval, calls):
    net = Labelled(Cosine())
    with measure.counted_calls(net) as counted:
        run = sample(
            Guided(net, scale, interval), (4, 2), num_steps=4, cond=torch.zeros(4, dtype=torch.long)
        )
        assert [step.calls for step in run] == calls
    assert counted.count == calls[-1]


def test_guidance_of_guidance_counts_too():
    model = Guided(Guided(Labelled(Cosine()), 2.0), 3.0)
    step = next(sample(model, (4, 2), num_steps=4, cond=torch.arange(4) % 3))
    # Without a label the inner one has the same answer twice, and still asks.
    assert (step.calls, step.prediction.calls) == (4, 4)


@pytest.mark.parametrize("clip", [None, 1.0])
def test_clipping_changes_no_count(clip):
    model = Guided(Labelled(Cosine()), 2.0)
    steps = list(sample(model, (4, 2), num_steps=3, cond=torch.arange(4) % 3, clip=clip))
    assert [step.calls for step in steps] == [2, 4, 6]


def test_outside_its_interval_the_scale_is_one():
    model, x, label = Labelled(Flow()), torch.randn(6, 2).double(), torch.arange(6) % 3
    guided = Guided(model, 4.0, (0.3, 0.6))
    plain, strong = model, Guided(model, 4.0)
    for t, expected in ((0.2, plain), (0.3, strong), (0.5, strong), (0.6, strong), (0.7, plain)):
        torch.testing.assert_close(guided(x, t, label).x0_hat, expected(x, t, label).x0_hat)
    times = torch.tensor([0.1, 0.3, 0.4, 0.6, 0.7, 1.0], dtype=torch.float64)
    mixed, inside = guided(x, times, label), (times >= 0.3) & (times <= 0.6)
    assert mixed.calls == 2
    for part, truth in ((inside, strong), (~inside, plain)):
        torch.testing.assert_close(mixed.eps_hat[part], truth(x, times, label).eps_hat[part])


def test_it_is_a_denoiser_for_measures_too():
    torch.manual_seed(0)
    x0 = CENTRES[torch.arange(300) % 3] + STD * torch.randn(300, 2)
    options = dict(cond=torch.arange(300) % 3)

    def error(model):
        fixed = torch.Generator().manual_seed(1)
        return float(error_by_time(model, x0, [0.5], generator=fixed, **options)[0])

    model = Labelled(Cosine())
    assert error(Guided(model, 1.0)) == error(model)
    assert error(Guided(model, 4.0)) > error(model)  # no denoiser is better than the exact one


@pytest.mark.parametrize("scale", [float("nan"), float("inf"), "3", None])
def test_a_scale_is_a_number(scale):
    with pytest.raises(ValueError, match="scale must be a finite number, 1 for no guidance"):
        Guided(Labelled(Cosine()), scale)


@pytest.mark.parametrize(
    "interval", [(0.5, 0.5), (0.6, 0.2), (-0.1, 0.5), (0.0, 1.5), (0.1, 0.2, 0.3)]
)
def test_an_interval_is_two_times(interval):
    with pytest.raises(ValueError, match="two times 0 <= low < high <= 1"):
        Guided(Labelled(Cosine()), 2.0, interval)


@pytest.mark.parametrize("scale", [0.0, 1.0, 3.0])
def test_guidance_without_a_condition_is_refused(scale):
    with pytest.raises(ValueError, match="guidance needs a condition: give cond=labels"):
        next(sample(Guided(Labelled(Cosine()), scale), (4, 2)))


@pytest.mark.parametrize(
    "cond", [torch.zeros(4), torch.zeros(4, 2, 1).long(), torch.zeros(3).long()]
)
def test_guidance_by_what_is_no_label_is_refused(cond):
    model = Guided(Labelled(Cosine()), 2.0)
    with pytest.raises(ValueError, match=r"labels \(4,\) or tokens of texts \(4, L\), integers"):
        model(torch.zeros(4, 2), 0.5, cond)


@pytest.mark.parametrize("label", [-2, 3])
def test_labels_out_of_range_are_refused(label):
    net = UNet(widths=(8,), num_classes=3)
    model = Guided(Denoiser(net, Cosine(), "v"), 2.0)
    with pytest.raises(ValueError, match=r"0 ... 2"):
        next(sample(model, (2, 1, 8, 8), cond=torch.tensor([0, label])))


def test_a_network_without_labels_is_refused():
    model = Guided(Denoiser(UNet(widths=(8,)), Cosine(), "v"), 2.0)
    with pytest.raises(ValueError, match="Build it with num_classes=10"):
        next(sample(model, (2, 1, 8, 8), cond=torch.tensor([0, 1])))


class TakesLabels(PointMLP):
    """A network of points that is told a label, and does not listen."""

    def forward(self, x, t, label=None):
        return super().forward(x, t)


@pytest.mark.parametrize("wrap", [lambda m: m, lambda m: Guided(m, 2.0)], ids=["bare", "guided"])
@pytest.mark.parametrize("schedule", [Cosine(), Flow()], ids=repr)
@pytest.mark.parametrize("clip", [None, 1.0])
def test_eps_at_zero_signal_is_refused_with_guidance_and_without(wrap, schedule, clip):
    model = wrap(Denoiser(TakesLabels(), schedule))
    options = dict(cond=torch.zeros(4, dtype=torch.long), clip=clip)
    with pytest.raises(ValueError, match="alpha = 0 .* prediction of eps"):
        next(sample(model, (4, 2), **options))
    assert last(sample(model, (4, 2), t_start=0.99, **options)).state.isfinite().all()
