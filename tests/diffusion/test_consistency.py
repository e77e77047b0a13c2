"""One-call students: the loss against known paths, and what it refuses."""

import copy
import math

import pytest
import torch
from torch import nn

from course_utils import data, training
from course_utils.diffusion import (
    Cosine,
    Denoiser,
    Flow,
    GaussianMixtureDenoiser,
    PointMLP,
    consistency_loss,
    heun,
    renoise,
    sample,
    times_even,
)
from course_utils.records import last

MEAN, STD = 0.5, 0.4


class PathEnd(nn.Module):
    """The v whose x0_hat is the end of the path of one Gaussian, in closed form."""

    def __init__(self, schedule):
        super().__init__()
        self.schedule = schedule
        self.scale = nn.Parameter(torch.ones((), dtype=torch.float64))

    def forward(self, x, t, cond=None):
        alpha, sigma = self.schedule.at(t, x)
        wide = (alpha**2 * STD**2 + sigma**2).sqrt()
        end = MEAN + (x - alpha * MEAN) * STD / wide * self.scale
        return torch.where(sigma > 0, (alpha * x - end) / sigma.clamp(min=1e-12), 0.0 * x)


def gaussian(schedule):
    return GaussianMixtureDenoiser(torch.full((1, 2), MEAN).double(), STD, schedule)


def points(number=512):
    generator = torch.Generator().manual_seed(0)
    return MEAN + STD * torch.randn(number, 2, generator=generator, dtype=torch.float64)


def test_the_end_of_the_path_has_no_loss_but_that_of_the_teachers_step():
    schedule = Cosine()
    student = Denoiser(PathEnd(schedule), schedule, "v")
    losses = []
    for num_steps in (50, 100, 200):
        loss = consistency_loss(gaussian(schedule), student, times_even(schedule, num_steps))
        torch.manual_seed(0)
        losses.append(loss(student, (points(),)).item())
    assert losses[0] < 1e-4
    # A DDIM step from t to s is off by its length squared, and the loss squares that again.
    assert math.log2(losses[0] / losses[2]) / 2 > 2.5


def test_another_answer_has_a_loss():
    schedule = Cosine()
    student = Denoiser(PathEnd(schedule), schedule, "v")
    loss = consistency_loss(gaussian(schedule), student, times_even(schedule, 50))
    torch.manual_seed(0)
    right = loss(student, (points(),)).item()
    with torch.no_grad():
        student.net.scale.mul_(1.3)
    torch.manual_seed(0)
    assert loss(student, (points(),)).item() > 3 * right


def test_no_gradient_flows_through_the_target_or_the_teacher():
    schedule = Flow()
    teacher, student = (Denoiser(PointMLP(width=16), schedule, "v") for _ in range(2))
    target = copy.deepcopy(student)
    loss = consistency_loss(teacher, target, times_even(schedule, 5))
    loss(student, (points(32).float(),)).backward()
    assert all(p.grad is not None for p in student.parameters())
    assert all(p.grad is None for model in (teacher, target) for p in model.parameters())


def test_a_student_learns_the_end_in_one_call_and_its_teacher_does_not_know_it():
    schedule, x = Cosine(), torch.randn(500, 2, generator=torch.Generator().manual_seed(1))
    teacher = GaussianMixtureDenoiser(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), 0.2, schedule)
    clean = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])[torch.arange(1000) % 2]
    clean = clean + 0.2 * torch.randn(1000, 2, generator=torch.Generator().manual_seed(2))
    torch.manual_seed(0)
    student = Denoiser(PointMLP(width=32), schedule, "v")
    ema = training.EMA(student, decay=0.9)
    loss = consistency_loss(teacher, ema.model, times_even(schedule, 8))
    batches = data.Batches(clean, batch_size=128, seed=0)
    adamw = training.adamw(student, 5e-3)
    training.fit(student, batches, loss, num_steps=300, optimizer=adamw, ema=ema)

    def end(model, **options):
        return last(sample(model, x.shape, x_start=x, **options)).state

    truth = end(teacher, num_steps=100, step=heun)

    def error(model):
        return float((end(model, num_steps=1) - truth).norm(dim=1).mean())

    assert error(ema.model) < 0.35
    assert error(teacher) > 0.8  # it says the mean of all data


def test_conditions_reach_student_target_and_teacher():
    class Told(nn.Module):
        def __init__(self):
            super().__init__()
            self.say, self.heard = nn.Parameter(torch.zeros(())), []

        def forward(self, x, t, label):
            self.heard.append(label.tolist())
            return self.say * x

    models = [Denoiser(Told(), Cosine(), "v") for _ in range(3)]
    teacher, target, student = models
    loss = consistency_loss(teacher, target, times_even(Cosine(), 4))
    loss(student, (torch.randn(3, 2), torch.tensor([2, 0, 1])))
    assert [model.net.heard for model in models] == [[[2, 0, 1]]] * 3


@pytest.mark.parametrize("predicts", ["eps", "x0"])
def test_a_student_must_say_the_state_at_the_end(predicts):
    right, wrong = (Denoiser(PointMLP(width=16), Cosine(), p) for p in ("v", predicts))
    with pytest.raises(ValueError, match=f'must predict "v" or "flow".*got \'{predicts}\''):
        consistency_loss(right, wrong, [1.0, 0.5, 0.0])
    loss = consistency_loss(right, right, [1.0, 0.5, 0.0])
    with pytest.raises(ValueError, match='must predict "v" or "flow"'):
        loss(wrong, (torch.zeros(4, 2),))


@pytest.mark.parametrize("times", [[], [0.0], [1.0, 0.5], [0.5, 0.6, 0.0], [1.2, 0.0], [1, 1, 0]])
def test_its_times_fall_to_0(times):
    model = Denoiser(PointMLP(width=16), Cosine(), "v")
    with pytest.raises(ValueError, match="fall from at most 1 to 0"):
        consistency_loss(model, model, times)


@pytest.mark.parametrize("schedule", [Cosine(), Flow()], ids=repr)
def test_renoise_is_algorithm_1(schedule):
    # Song et al. 2023, algorithm 1, in our letters: answer, noise, answer.
    net = PathEnd(schedule)
    student = Denoiser(net, schedule, "v")
    x, noise = torch.randn(6, 2).double(), torch.Generator().manual_seed(3)
    times = [1.0, 0.6, 0.3, 0.0]
    steps = list(sample(student, (6, 2), step=renoise(noise), times=times, x_start=x))

    noise = torch.Generator().manual_seed(3)
    for t, s, step in zip(times[:-1], times[1:], steps, strict=True):
        x = student(x, t).x0_hat
        if s:
            alpha, sigma = schedule.level(s)
            x = alpha * x + sigma * torch.randn(x.shape, generator=noise, dtype=torch.float64)
        torch.testing.assert_close(step.state, x)


def test_renoise_is_a_maker_of_steps():
    with pytest.raises(ValueError, match=r"make a step: write step=ancestral\(\)"):
        sample(gaussian(Flow()), (2, 2), step=renoise)


def test_teacher_average_and_student_have_one_schedule():
    cosine, flow = (Denoiser(PointMLP(width=16), s, "v") for s in (Cosine(), Flow()))
    for teacher, target in ((cosine, flow), (flow, cosine)):
        with pytest.raises(ValueError, match="must have the same schedule"):
            consistency_loss(teacher, target, [1.0, 0.5, 0.0])
    loss = consistency_loss(flow, copy.deepcopy(flow), [1.0, 0.5, 0.0])
    with pytest.raises(ValueError, match="must have the same schedule"):
        loss(cosine, (torch.zeros(4, 2),))


def test_the_average_is_asked_for_its_model():
    model = Denoiser(PointMLP(width=16), Cosine(), "v")
    with pytest.raises(ValueError, match=r"EMA\(student\).model"):
        consistency_loss(model, training.EMA(model), [1.0, 0.0])
