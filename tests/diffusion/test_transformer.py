import copy

import pytest
import torch

from course_utils import training
from course_utils.diffusion import (
    Clip,
    Cosine,
    Denoiser,
    DiT,
    Frames,
    Patches,
    Points,
    denoising_loss,
    sample,
)
from course_utils.records import last
from course_utils.training.optimizer import hidden_matrices


def small(tokens=None, **sizes):
    torch.manual_seed(0)
    tokens = Patches(side=8) if tokens is None else tokens
    return DiT(tokens, **{"width": 32, "num_layers": 2, "num_classes": 3} | sizes)


def batch():
    """Twelve images (12, 1, 8, 8), all of a class alike, and their labels (12,)."""
    label = torch.arange(12) % 3
    classes = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(0)).sign()
    return classes[label], label


def train(net, num_steps, data=None):
    """Train on one batch, by default that one; the losses."""
    steps = training.train_steps(
        Denoiser(net, Cosine(), "v"),
        [batch() if data is None else data] * num_steps,
        denoising_loss,
        num_steps=num_steps,
        optimizer=training.muon(net),
    )
    return [float(step.loss) for step in steps]


@pytest.fixture(scope="module")
def trained():
    """A network that has seen one batch 60 times; no test may change it."""
    net = small()
    losses = train(net, 60)
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])  # it learns
    return net


@pytest.mark.parametrize("patch", [1, 2, 4])
@pytest.mark.parametrize(("channels", "side"), [(1, 8), (3, 12)])
def test_returns_the_shape_it_got(channels, side, patch):
    shape = (2, channels, side, side)
    net = small(Patches(channels, side, patch))
    assert net(torch.randn(shape), torch.rand(2)).shape == shape


@pytest.mark.parametrize("tokens", [Frames(48, 8), Clip(4, 8, 4, 2), Points(20, 3)], ids=repr)
def test_trains_and_samples_on_sounds_clips_and_clouds(tokens):
    net = small(tokens)
    x0 = torch.randn(12, *tokens.shape, generator=torch.Generator().manual_seed(0)).sign()
    if not tokens.ordered:  # no point of a cloud has a name, so all of them are in one place
        x0 = x0[:, :1].expand_as(x0)
    losses = train(net, 60, (x0[torch.arange(12) % 3], torch.arange(12) % 3))
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])
    state = last(sample(Denoiser(net, Cosine(), "v"), (3, *tokens.shape), num_steps=4)).state
    assert state.shape == (3, *tokens.shape)
    assert bool(state.isfinite().all())


def test_a_cloud_in_another_order_gives_the_same_answer_in_that_order():
    net = small(Points(20))
    x0 = torch.randn(12, 20, 3, generator=torch.Generator().manual_seed(0))
    train(net, 20, (x0, torch.arange(12) % 3))
    t, order = torch.rand(12), torch.randperm(20, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(net(x0[:, order], t), net(x0, t)[:, order], rtol=0, atol=1e-5)
    assert net.positions is None
    other = x0.clone()
    other[:, 0] += 1  # a set is more than its points: all of them see the one that moved
    assert (net(other, t) - net(x0, t))[:, 1:].abs().max() > 1e-3


def test_says_0_at_the_start_and_every_block_is_the_identity():
    net = small()
    x, label = batch()
    assert not net(x, torch.rand(12), label).any()
    h = torch.randn(12, 16, 32)
    assert torch.equal(net.blocks[0](h, torch.randn(12, 32)), h)


def test_gradients_reach_every_weight_after_three_steps():
    net = small()  # the output learns in the first step, the gates in the second, then all
    train(net, 3)
    net.zero_grad()
    denoising_loss(Denoiser(net, Cosine(), "v"), batch()).backward()
    still = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []


def test_muon_leaves_the_first_and_last_layer_alone():
    net = small()
    hidden = {id(p) for p in hidden_matrices(net)}
    assert not hidden & {id(net.enter.weight), id(net.leave.weight), id(net.positions)}
    assert id(net.blocks[0].attention.qkv.weight) in hidden


def test_an_example_depends_on_itself_its_time_and_its_label(trained):
    (x, label), t = batch(), torch.rand(12)
    together = trained(x, t, label)
    alone = torch.cat([trained(x[i : i + 1], t[i : i + 1], label[i : i + 1]) for i in range(12)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    for other in (trained(x, t.flip(0), label), trained(x, t, label.flip(0)), trained(x, t)):
        assert not torch.allclose(together, other, atol=1e-3)
    unknown = trained(x, t, torch.full_like(label, -1))  # -1: no label
    torch.testing.assert_close(unknown, trained(x, t), rtol=1e-4, atol=1e-5)


def test_positions_are_seen_and_nothing_else_tells_patches_apart(trained):
    (x, label), t = batch(), torch.rand(12)
    order = torch.randperm(16, generator=torch.Generator().manual_seed(0))

    def shuffled(images):
        return trained.tokens.join(trained.tokens.cut(images)[:, order])

    def gap(net):
        return (net(shuffled(x), t, label) - shuffled(net(x, t, label))).abs().max()

    blind = copy.deepcopy(trained)
    torch.nn.init.zeros_(blind.positions)
    assert gap(trained) > 0.1
    assert gap(blind) < 1e-5


def test_errors_say_what_to_do():
    with pytest.raises(ValueError, match="width must be divisible by num_heads"):
        DiT(width=30, num_heads=4)
    net, t = DiT(Patches(side=8), width=16, num_layers=1), torch.zeros(2)
    for shape in ((2, 3, 8, 8), (2, 1, 8, 16), (2, 1, 8)):
        with pytest.raises(ValueError, match=r"\(B, 1, 8, 8\); got .*channels and side"):
            net(torch.zeros(shape), t)
    with pytest.raises(ValueError, match=r"floating point.*got torch\.uint8"):
        net(torch.zeros(2, 1, 8, 8, dtype=torch.uint8), t)
    with pytest.raises(ValueError, match="num_classes"):
        net(torch.zeros(2, 1, 8, 8), t, torch.zeros(2, dtype=torch.long))


@pytest.mark.parametrize(
    ("tokens", "shape", "says"),
    [
        (Clip(8, 8, 4, 2), (2, 6, 1, 8, 8), r"clips .*\(B, 8, 1, 8, 8\); got .*learned 8 frames"),
        (Points(20), (2, 30, 3), r"clouds .*\(B, 20, 3\); got \(2, 30, 3\)\. Draw that many"),
        (Points(20), (2, 20, 2), r"clouds .*\(B, 20, 3\); got \(2, 20, 2\)"),
        (Frames(48, 8), (2, 96), r"sounds .*\(B, 48\); got \(2, 96\).*sample rate.*resample"),
        (Frames(48, 8), (2, 1, 48), r"sounds .*\(B, 48\); got \(2, 1, 48\)"),
    ],
)
def test_other_lengths_sizes_and_rates_are_refused(tokens, shape, says):
    with pytest.raises(ValueError, match=says):
        small(tokens)(torch.zeros(shape), torch.zeros(2))


@pytest.mark.parametrize("name", ["num_layers", "num_heads"])
def test_sizes_have_their_range(name):
    with pytest.raises(ValueError, match=f"{name} must be .*at least 1; got 0"):
        DiT(**{name: 0})


@pytest.mark.parametrize(
    ("sizes", "says"),
    [
        ({"num_classes": -1}, "num_classes must be .*at least 0; got -1"),
        ({"width": 2, "num_heads": 1}, "width must be even, at least 4; got 2"),
        ({"width": 33, "num_heads": 1}, "width must be even, at least 4; got 33"),
    ],
)
def test_other_settings_have_their_range(sizes, says):
    with pytest.raises(ValueError, match=says):
        DiT(**sizes)


@pytest.mark.parametrize("label", [[3, 0], [-2, 0]])
def test_labels_outside_the_classes_are_named(label):
    with pytest.raises(ValueError, match=r"in 0 \.\.\. 2, or be -1 .*; got values from"):
        small()(torch.zeros(2, 1, 8, 8), torch.zeros(2), torch.tensor(label))


@pytest.mark.parametrize(("dtype", "error"), [(torch.float64, 1e-5), (torch.bfloat16, 0.1)])
def test_other_precisions_train_and_sample(dtype, error, trained):
    (x, label), t = batch(), torch.linspace(0, 1, 12)
    net = copy.deepcopy(trained).to(dtype)
    said = net(x.to(dtype), t, label)
    assert said.dtype == dtype
    torch.testing.assert_close(said.double(), trained(x, t, label).double(), rtol=0, atol=error)
    losses = train(net, 3)
    assert all(p.dtype == dtype and bool(p.isfinite().all()) for p in net.parameters())
    assert losses[-1] < 1
    model = Denoiser(net, Cosine(), "v")
    state = last(sample(model, (4, 1, 8, 8), num_steps=4, cond=label[:4])).state
    assert bool(state.isfinite().all())


@pytest.mark.parametrize("shape", [(1,), (), (4, 1)])
def test_a_time_is_never_spread_over_the_batch(shape):
    with pytest.raises(ValueError, match=r"t must have shape \(4,\), one time per example"):
        small()(torch.zeros(4, 1, 8, 8), torch.full(shape, 0.5))
