import pytest
import torch

from course_utils import measure
from course_utils.diffusion import (
    Cosine,
    Denoiser,
    ExactDenoiser,
    Flow,
    GaussianMixtureDenoiser,
    LinearBeta,
    PointMLP,
    add_noise,
    ancestral,
    ddim,
    dpm_solver_2m,
    heun,
    sample,
    times_even_in_snr,
)
from course_utils.records import Prediction, last

RING = torch.tensor([[1.3, 0.0], [-1.3, 0.0], [0.0, 1.3], [0.0, -1.3]])


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("schedule", [LinearBeta(), Cosine(), Flow()], ids=repr)
def test_samples_of_the_exact_denoiser_have_the_distribution(schedule, eta):
    exact = GaussianMixtureDenoiser(RING, 0.1, schedule)
    generator = torch.Generator().manual_seed(0)
    final = last(
        sample(exact, (3000, 2), num_steps=200, step=ancestral(eta, generator), generator=generator)
    ).state
    index = torch.randint(4, (3000,), generator=generator)
    truth = RING[index] + 0.1 * torch.randn(3000, 2, generator=generator)
    assert measure.energy_distance(final, truth) < 0.01
    assert measure.modes(final, RING, 0.3).on_mode > 0.97


def test_few_calls_of_order_two_are_better_even_in_snr():
    schedule = Cosine()
    exact = GaussianMixtureDenoiser(RING, 0.1, schedule)
    x_start = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))

    def end(**options):
        return last(sample(exact, (500, 2), step=dpm_solver_2m(), x_start=x_start, **options)).state

    truth = end(num_steps=1000)
    error = (end(num_steps=10) - truth).abs().mean()
    assert (end(times=times_even_in_snr(schedule, 10)) - truth).abs().mean() < error / 2


def test_exact_denoiser_of_a_data_set_returns_its_examples():
    data = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    final = last(sample(ExactDenoiser(data, Cosine()), (20, 3), num_steps=100)).state
    assert measure.modes(final, data, 1e-3).on_mode == pytest.approx(1)


def test_sampling_yields_its_steps_and_counts_calls():
    model = Denoiser(PointMLP(), LinearBeta())
    with measure.counted_calls(model) as calls:
        steps = list(sample(model, (4, 2), num_steps=7))
    assert calls.count == 7
    assert [step.calls for step in steps] == list(range(1, 8))
    assert steps[-1].t == 0
    torch.testing.assert_close(steps[-1].state, steps[-1].prediction.x0_hat)
    assert not steps[-1].state.requires_grad


def test_ddim_is_a_function_of_its_start_and_ddpm_is_not():
    model, x = Denoiser(PointMLP(), LinearBeta()), torch.randn(4, 2)
    once, again = (sample(model, (4, 2), num_steps=5, x_start=x) for _ in range(2))
    assert torch.equal(last(once).state, last(again).state)
    once, again = (sample(model, (4, 2), num_steps=5, step=ancestral(), x_start=x) for _ in "12")
    assert not torch.equal(last(once).state, last(again).state)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(num_steps=0), "num_steps must be a whole number, at least 1; got 0"),
        (dict(num_steps=-5), "num_steps must be a whole number, at least 1; got -5"),
        (dict(num_steps=2.5), "num_steps must be a whole number, at least 1; got 2.5"),
        (dict(t_start=0.0), "t_start must lie in"),
        (dict(t_start=float("nan")), "t_start must lie in"),
        (dict(times=[]), "at least 2 numbers .* got 0 numbers"),
        (dict(times=[1.0, float("nan"), 0.0]), "do not fall everywhere"),
        (dict(clip=0.0), "clip must be above 0, or None; got 0.0"),
        (dict(clip=-1.0), "clip must be above 0"),
        (dict(cond=torch.zeros(1)), r"each of 4 examples; got shape \(1,\)"),
        (dict(x_start=torch.zeros(4, 2, dtype=torch.uint8)), "got torch.uint8.*127.5"),
        (dict(num_steps=50, times=[1.0, 0.0]), "50 steps have 51 times; got 2.*Give times alone"),
        (dict(num_steps=2, times=[1.0, 0.5, 0.1]), "got 3 numbers from 1 to 0.1"),
        (dict(num_steps=2, times=[1.0, 1.0, 0.0]), "do not fall everywhere"),
        (dict(num_steps=1, times=[1.0, 0.0], t_start=0.9), "from t_start = 0.9 to 0"),
        (dict(x_start=torch.zeros(3, 2)), r"\(4, 2\); got \(3, 2\)"),
    ],
)
def test_wrong_arguments_get_a_clear_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        next(sample(Denoiser(PointMLP(), LinearBeta()), (4, 2), **arguments))


@pytest.mark.parametrize("shape", [(), (0, 2), (4, -1)])
def test_there_must_be_something_to_generate(shape):
    with pytest.raises(ValueError, match="shape must be .* each at least 1"):
        sample(Denoiser(PointMLP(), LinearBeta()), shape)


def test_times_alone_say_how_many_steps():
    model, times = Denoiser(PointMLP(), LinearBeta()), [1.0, 0.7, 0.2, 0.0]
    assert [step.t for step in sample(model, (4, 2), times=times)] == times[1:]
    assert len(list(sample(model, (4, 2)))) == 50


def test_eps_at_zero_signal_is_refused():
    with pytest.raises(ValueError, match='t_start=0.99, or a model that predicts "v"'):
        next(sample(Denoiser(PointMLP(), Cosine()), (4, 2)))
    next(sample(Denoiser(PointMLP(), Cosine()), (4, 2), t_start=0.99))
    next(sample(Denoiser(PointMLP(), Cosine(), "v"), (4, 2)))


class Told(torch.nn.Embedding):
    """A network that says the point of the label that it is told, whatever it sees."""

    def forward(self, x_t, t, label):
        return super().forward(label)


def test_samples_follow_their_condition():
    model, label = Denoiser(Told.from_pretrained(RING), Cosine(), "x0"), torch.tensor([2, 0, 3, 3])
    final = last(sample(model, (4, 2), num_steps=3, cond=label)).state
    torch.testing.assert_close(final, RING[label])


def test_a_start_in_the_middle_goes_on_from_there():
    # With the data known, DDIM keeps the noise that went in, so every state on its way is known.
    model, schedule = Denoiser(Told.from_pretrained(RING), Cosine(), "x0"), Cosine()
    x_t, eps = add_noise(RING, 0.6, schedule)
    start = dict(cond=torch.arange(4), x_start=x_t, t_start=0.6)
    steps = list(sample(model, (4, 2), num_steps=4, **start))
    assert [step.t for step in steps] == pytest.approx([0.45, 0.3, 0.15, 0])
    for step in steps:
        expected = schedule.alpha(step.t) * RING + schedule.sigma(step.t) * eps
        torch.testing.assert_close(step.state, expected)


def test_clip_limits_what_a_step_uses_and_not_what_is_reported():
    torch.manual_seed(0)
    model, x = Denoiser(PointMLP().requires_grad_(False), LinearBeta()), torch.randn(50, 2)
    t, seen = 1.0, []

    def watched(model, x, t, s):
        x_s, prediction = ddim(model, x, t, s)
        seen.append(prediction)
        return x_s, prediction

    for step in sample(model, (50, 2), num_steps=5, step=watched, clip=0.5, x_start=x):
        said, used = model(x, t), seen[-1]
        torch.testing.assert_close(step.prediction.x0_hat, said.x0_hat)
        torch.testing.assert_close(step.prediction.eps_hat, said.eps_hat)
        assert float(said.x0_hat.abs().max()) > 0.5  # the limit was reached
        torch.testing.assert_close(used.x0_hat, said.x0_hat.clamp(-0.5, 0.5))
        alpha, sigma = model.schedule.level(t)
        torch.testing.assert_close(alpha * used.x0_hat + sigma * used.eps_hat, x)
        t, x = step.t, step.state


class Guided(torch.nn.Module):
    """A model around a model, as classifier-free guidance is: it has no `predicts` of its own."""

    def __init__(self, model):
        super().__init__()
        self.model, self.schedule = model, model.schedule

    def forward(self, x_t, t, cond=None):
        said = self.model(x_t, t)
        return Prediction(1.5 * said.x0_hat, 1.5 * said.eps_hat)


@pytest.mark.parametrize("schedule", [Cosine(), Flow()], ids=repr)
@pytest.mark.parametrize("clip", [None, 1.0])
def test_eps_at_zero_signal_is_refused_inside_a_wrapper(schedule, clip):
    model = Guided(Denoiser(PointMLP(), schedule))
    with pytest.raises(ValueError, match="alpha = 0 .* prediction of eps"):
        next(sample(model, (4, 2), clip=clip))
    with pytest.raises(ValueError, match="alpha = 0"):  # in float64 the cosine leaves 6e-17
        next(sample(model.double(), (4, 2), clip=clip))
    assert last(sample(model, (4, 2), clip=clip, t_start=0.99)).state.isfinite().all()


def test_a_first_prediction_that_is_not_finite_is_refused():
    # What remains of the same on an accelerator, where nothing looks at alpha.
    model = Denoiser(PointMLP(), Flow(), "v")
    torch.nn.init.constant_(model.net.leave.bias, float("nan"))
    with pytest.raises(ValueError, match="first prediction is not finite.*nan in its weights"):
        next(sample(model, (4, 2), clip=1.0))


class InPlace(torch.nn.Module):
    """A network that overwrites all that it is given, with the answer of `Told` to the label."""

    def forward(self, x, t, label):
        answer = RING.to(x)[label] + 0.1 * x * t[:, None]
        x.fill_(100), t.fill_(1), label.fill_(0)
        return answer


class Careful(InPlace):
    """The same on copies of its own."""

    def forward(self, x, t, label):
        return super().forward(x.clone(), t.clone(), label.clone())


@pytest.mark.parametrize(
    "make", [lambda: ddim, lambda: heun, dpm_solver_2m, lambda: ancestral(0.0)]
)
def test_a_network_that_works_in_place_harms_nobody(make):
    x_start, cond = torch.randn(4, 2), torch.tensor([1, 2, 3, 3])
    mine = x_start.clone(), cond.clone()

    def end(net, wrapper=lambda model: model):
        model = wrapper(Denoiser(net, Flow(), "x0"))
        start = dict(x_start=x_start, cond=cond, num_steps=6, step=make())
        return last(sample(model, (4, 2), **start)).state

    truth = end(Careful())
    assert torch.equal(end(InPlace()), truth)
    assert torch.equal(end(Careful(), Greedy), truth)
    assert torch.equal(x_start, mine[0])
    assert torch.equal(cond, mine[1])


class Greedy(torch.nn.Module):
    """A model around a model that overwrites what it is given once it has asked."""

    def __init__(self, model):
        super().__init__()
        self.model, self.schedule = model, model.schedule

    def forward(self, x_t, t, cond=None):
        said = self.model(x_t, t, cond)
        x_t.fill_(100), t.fill_(1), cond.fill_(0)
        return said


@pytest.mark.parametrize("make", [lambda: ddim, lambda: heun, dpm_solver_2m])
def test_whoever_watches_may_change_what_he_sees(make):
    model, x = Denoiser(PointMLP(), LinearBeta(), "v"), torch.randn(4, 2)

    def end(watch):
        for step in sample(model, (4, 2), num_steps=5, step=make(), x_start=x):
            final = step.state.clone()
            watch(step)
        return final

    def spoil(step):
        step.state.zero_(), step.prediction.x0_hat.zero_(), step.prediction.eps_hat.zero_()

    assert torch.equal(end(spoil), end(lambda step: None))


def test_the_prediction_is_what_the_model_said():
    torch.manual_seed(0)
    model, x = Denoiser(PointMLP().requires_grad_(False), LinearBeta(), "v"), torch.randn(4, 2)
    t = 1.0
    for step in sample(model, (4, 2), num_steps=5, step=dpm_solver_2m(), x_start=x):
        torch.testing.assert_close(step.prediction.x0_hat, model(x, t).x0_hat)
        x, t = step.state, step.t


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_sampling_in_another_precision_comes_to_the_same(dtype):
    # States and times stay float32 or better: in bfloat16 only 506 of 1000 times differ.
    torch.manual_seed(0)
    model, x, times = Denoiser(PointMLP(), Flow(), "v"), torch.randn(40, 2), []
    truth = last(sample(model, (40, 2), num_steps=20, x_start=x)).state
    hook = model.net.register_forward_pre_hook(lambda net, inputs: times.append(inputs[1]))
    step = last(sample(model.to(dtype), (40, 2), num_steps=20, x_start=x.to(dtype)))
    hook.remove()
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    assert step.state.dtype == wide
    assert {t.dtype for t in times} == {wide}
    assert (step.state - truth).abs().max() < 0.03
    assert last(sample(model, (40, 2), num_steps=2)).state.dtype == wide


def test_the_noise_of_an_image_depends_on_its_batch_and_its_path_on_its_start_alone():
    # As the docstring of `sample` says.
    model = Denoiser(PointMLP(), LinearBeta(), "v")

    def first(batch, **options):
        return last(sample(model, (batch, 2), num_steps=3, **options)).state[0]

    def noisy(batch):
        step = ancestral(generator=torch.Generator().manual_seed(0))
        return first(batch, step=step, x_start=torch.ones(batch, 2))

    assert not torch.allclose(noisy(4), noisy(5), atol=0.01)
    torch.testing.assert_close(
        first(4, x_start=torch.ones(4, 2)), first(5, x_start=torch.ones(5, 2))
    )


@pytest.mark.parametrize("schedule", [Cosine(), Flow(), LinearBeta()], ids=repr)
def test_a_step_finds_the_levels_of_its_run_and_of_any_other_time(schedule):
    seen = []

    def step(model, x, t, s):
        middle = (t + s) / 2
        seen.extend((time, model.schedule.level(time)) for time in (t, s, middle))
        seen.append((None, model.schedule.at(torch.full((2,), middle), x)))
        return ddim(model, x, t, s)

    model = GaussianMixtureDenoiser(torch.zeros(1, 2), 1.0, schedule)
    last(sample(model, (2, 2), times=[0.9, 0.35, 0.1, 0.0], t_start=0.9, step=step))
    assert len(seen) == 12
    for time, found in seen:
        if time is not None:
            assert found == pytest.approx(schedule.level(time), rel=1e-12, abs=1e-15)
        else:
            assert [factor.shape for factor in found] == [(2, 1)] * 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(cond=3), r"cond must be a tensor.*got int. Write torch.full\(\(4,\), 3\)"),
        (dict(cond=[0, 1, 2, 3]), "cond must be a tensor.*got list"),
        (dict(times="1, 0"), "times must be numbers"),
        (dict(times=0.5), "times must be numbers"),
        (dict(shape=(4.0, 2)), "whole numbers"),
    ],
)
def test_what_is_no_tensor_or_number_is_named(arguments, message):
    model = GaussianMixtureDenoiser(RING, 0.1, Cosine())
    with pytest.raises(ValueError, match=message):
        sample(model, **{"shape": (4, 2), **arguments})


def test_times_may_be_a_tensor_or_an_iterator():
    model, x = GaussianMixtureDenoiser(RING, 0.1, Cosine()), torch.randn(4, 2)
    times = [1.0, 0.5, 0.25, 0.0]
    ways = (times, torch.tensor(times), iter(times))
    ends = [last(sample(model, (4, 2), times=way, x_start=x)).state for way in ways]
    assert all(torch.equal(ends[0], end) for end in ends)


def test_a_readers_own_step_finds_what_a_readers_own_schedule_has():
    class Mine(Flow):
        speed = 3.0

        def twice(self, t):
            return 2 * t

    found = []

    def step(model, x, t, s):
        found.append((model.schedule.speed, model.schedule.twice(t), repr(model.schedule)))
        return ddim(model, x, t, s)

    model = GaussianMixtureDenoiser(RING, 0.1, Mine())
    last(sample(model, (2, 2), num_steps=1, step=step))
    assert found == [(3.0, 2.0, repr(Mine()))]
    with pytest.raises(AttributeError, match="slowness"):
        last(sample(model, (2, 2), num_steps=1, step=lambda m, x, t, s: m.schedule.slowness))
