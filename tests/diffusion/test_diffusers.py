"""The same network under diffusers' schedulers and under our steps: the same states on the way.

Skipped where diffusers is not installed; `make bench` runs it in its own environment.
"""

import importlib.util
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor, nn

from course_utils.diffusion import (
    Cosine,
    Denoiser,
    Flow,
    LinearBeta,
    Schedule,
    ancestral,
    ddim,
    discrete_betas,
    dpm_solver_2m,
    heun,
    sample,
)

if not importlib.util.find_spec("diffusers"):
    pytest.skip("needs diffusers: run make bench", allow_module_level=True)

import diffusers

NUM_STEPS = 20
# Some schedulers keep their tables, or the states themselves, in float32; the rest is in float64.
TOLERANCE = 1e-5


@dataclass(frozen=True, repr=False)
class Table(Schedule):
    """A schedule of the library: alpha_bar at 1000 integer timesteps, t = (i + 1) / 1000."""

    alphas_cumprod: Tensor = field(compare=False)

    def alpha(self, t):
        table = torch.cat([torch.ones(1, dtype=torch.float64), self.alphas_cumprod])
        return table[(torch.as_tensor(t) * 1000).round().long()].sqrt()

    def sigma(self, t):
        return (1 - self.alpha(t) ** 2).sqrt()


class Edm(Table):
    """The same noise levels in EDM's units, where the data stays what it is."""

    def alpha(self, t):
        return torch.ones_like(torch.as_tensor(t, dtype=torch.float64))

    def sigma(self, t):
        alpha = Table.alpha(self, t)
        return (1 - alpha**2).sqrt() / alpha


class Bent(nn.Module):
    """A network that is not linear in the state, and another one at each time."""

    def forward(self, x, t):
        return (x * (1 + t[:, None])).tanh() - 0.2 * t[:, None]


def start():
    return torch.randn(6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def made(kind, schedule, **options):
    """One of their schedulers on a schedule of ours, its table of alpha_bar in float64."""
    betas = discrete_betas(schedule)
    common = dict(num_train_timesteps=1000, timestep_spacing="trailing")
    scheduler = kind(trained_betas=betas.float().numpy(), **common, **options)
    scheduler.alphas_cumprod = torch.cumprod(1 - betas, 0)
    scheduler.set_timesteps(NUM_STEPS)
    return scheduler


def theirs(scheduler, net, x, **options):
    """Every state on the way of a scheduler that asks once a step."""
    states = []
    for i in scheduler.timesteps:
        said = net(x, x.new_full((len(x),), (int(i) + 1) / 1000))
        x = scheduler.step(said, i, x, **options).prev_sample
        states.append(x)
    return states


def ours(model, step, x, **options):
    return [s.state for s in sample(model, x.shape, step=step, x_start=x, **options)]


def compare(found, wanted):
    assert len(found) == len(wanted) >= NUM_STEPS
    for mine, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(mine, other.double(), rtol=TOLERANCE, atol=TOLERANCE)


PREDICTS = {"epsilon": "eps", "sample": "x0", "v_prediction": "v"}
each_target = pytest.mark.parametrize("target", PREDICTS)
each_schedule = pytest.mark.parametrize("schedule", [LinearBeta(), Cosine()], ids=repr)


@each_schedule
@each_target
def test_ddim(schedule, target):
    options = dict(prediction_type=target, clip_sample=False, set_alpha_to_one=True)
    scheduler = made(diffusers.DDIMScheduler, schedule, **options)
    model = Denoiser(Bent(), Table(scheduler.alphas_cumprod), PREDICTS[target])
    found = ours(model, ddim, start(), num_steps=NUM_STEPS)
    compare(found, theirs(scheduler, Bent(), start()))


@each_schedule
@pytest.mark.parametrize("eta", [0.5, 1.0])
def test_ddim_with_eta(schedule, eta):
    options = dict(prediction_type="v_prediction", clip_sample=False, set_alpha_to_one=True)
    scheduler = made(diffusers.DDIMScheduler, schedule, **options)
    model = Denoiser(Bent(), Table(scheduler.alphas_cumprod), "v")
    noise = [torch.Generator().manual_seed(1) for _ in range(2)]
    found = ours(model, ancestral(eta, noise[0]), start(), num_steps=NUM_STEPS)
    compare(found, theirs(scheduler, Bent(), start(), eta=eta, generator=noise[1]))


@each_schedule
@each_target
def test_ddpm_with_the_same_noise(schedule, target):
    options = dict(prediction_type=target, clip_sample=False)
    scheduler = made(diffusers.DDPMScheduler, schedule, **options)
    model = Denoiser(Bent(), Table(scheduler.alphas_cumprod), PREDICTS[target])
    noise = [torch.Generator().manual_seed(1) for _ in range(2)]
    found = ours(model, ancestral(generator=noise[0]), start(), num_steps=NUM_STEPS)
    compare(found, theirs(scheduler, Bent(), start(), generator=noise[1]))


@each_target
def test_dpm_solver_multistep(target):
    options = dict(prediction_type=target, final_sigmas_type="zero", solver_order=2)
    scheduler = made(diffusers.DPMSolverMultistepScheduler, LinearBeta(), **options)
    model = Denoiser(Bent(), Table(scheduler.alphas_cumprod), PREDICTS[target])
    found = ours(model, dpm_solver_2m(), start(), num_steps=NUM_STEPS)
    compare(found, theirs(scheduler, Bent(), start()))


def test_heun():
    # Theirs works in EDM's units, x / alpha, and shows the network alpha times that.
    scheduler = made(diffusers.HeunDiscreteScheduler, LinearBeta(), prediction_type="epsilon")
    schedule = Edm(scheduler.alphas_cumprod)

    class Scaled(Bent):
        def forward(self, x, t):
            alpha = Table(schedule.alphas_cumprod).alpha(t)[:, None]
            return super().forward(alpha * x, t)

    x, wanted = 100 * start(), []
    for i in scheduler.timesteps:  # each time but the first and last stands there twice
        said = Bent()(scheduler.scale_model_input(x, i), x.new_full((6,), (int(i) + 1) / 1000))
        x = scheduler.step(said, i, x).prev_sample
        wanted.append(x)
    model = Denoiser(Scaled(), schedule, "eps")
    found = ours(model, heun, 100 * start(), num_steps=NUM_STEPS)
    compare(found, wanted[1::2] + wanted[-1:])


def test_flow_match_euler():
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000)
    times = [1.0, 0.9, 0.75, *(0.7 - 0.04 * k for k in range(17)), 0.0]
    scheduler.set_timesteps(sigmas=times[:-1])
    x, wanted = start(), []
    for i in scheduler.timesteps:
        said = Bent()(x, x.new_full((6,), float(i) / 1000))
        x = scheduler.step(said, i, x).prev_sample.double()
        wanted.append(x)
    found = ours(Denoiser(Bent(), Flow(), "flow"), ddim, start(), times=times)
    compare(found, wanted)
