import math

import pytest
import torch
from torch import nn

from course_utils import measure, training
from course_utils.data import Batches, load_digits


def test_energy_distance_against_the_double_loop():
    x, y = torch.randn(6, 3), torch.randn(5, 3) + 1

    def mean(a, b, skip_same):
        pairs = [
            math.dist(p.tolist(), q.tolist())
            for i, p in enumerate(a)
            for j, q in enumerate(b)
            if not (skip_same and i == j)
        ]
        return sum(pairs) / len(pairs)

    expected = 2 * mean(x, y, False) - mean(x, x, True) - mean(y, y, True)
    assert measure.energy_distance(x, y) == pytest.approx(expected, rel=1e-4)


def test_energy_distance_of_two_gaussians():
    # In one dimension E|N(0, s^2)| = s sqrt(2 / pi); two N(0, 1) a distance m apart are known too.
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 3000, 1, generator=generator)
    assert abs(measure.energy_distance(x, y)) < 0.003
    m = 2.0
    cross = 2 / math.sqrt(math.pi) * math.exp(-(m**2) / 4) + m * math.erf(m / 2)
    expected = 2 * cross - 4 / math.sqrt(math.pi)
    assert measure.energy_distance(x, y + m) == pytest.approx(expected, rel=0.05)


def test_energy_distance_refuses_other_shapes():
    with pytest.raises(ValueError, match="one shape"):
        measure.energy_distance(torch.zeros(4, 2), torch.zeros(4, 3))


def test_correlation():
    a = torch.tensor([1.0, 2, 3])
    assert measure.correlation(a, -2 * a + 1) == pytest.approx(-1)
    with pytest.raises(ValueError, match="one shape"):
        measure.correlation(a, a[:2])


def test_entropy_in_nats():
    probs = torch.tensor([[0.25] * 4, [1.0, 0, 0, 0]])
    torch.testing.assert_close(measure.entropy(probs), torch.tensor([math.log(4), 0.0]))


def test_calls_parameters_and_flops():
    model = nn.Linear(10, 20)
    assert measure.count_parameters(model) == 220
    assert measure.forward_flops(model, torch.zeros(3, 10)) == 2 * 3 * 10 * 20
    with measure.counted_calls(model) as calls:
        model(torch.zeros(1, 10))
        model(torch.zeros(1, 10))
    model(torch.zeros(1, 10))
    assert calls.count == 2


@pytest.fixture(scope="module")
def digits():
    return load_digits(16)


@pytest.fixture(scope="module")
def judge(digits):
    torch.manual_seed(0)
    judge = measure.Judge(16)
    batches = Batches(*digits.train, batch_size=64)
    training.fit(judge, batches, measure.classification_loss, num_steps=100)
    return judge


def test_a_judge_learns_to_read_in_a_hundred_steps(judge, digits):
    images, labels = digits.test
    assert judge.accuracy(images, labels) > 0.8
    assert judge.accuracy(images, (labels + 1) % 10) < 0.1


def test_a_judge_sees_how_far_two_sets_of_digits_are_apart(judge, digits):
    images, labels = digits.test
    same = judge.distance(images[::2], images[1::2])
    other = judge.distance(images[labels == 0], images[labels == 1])
    assert 20 * abs(same) < other


RING = torch.tensor([[1.0, 0], [0, 1], [-1, 0], [0, -1]])


def gaussians(num: int, std: float = 0.1, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    which = torch.randint(len(RING), (num,), generator=generator)
    return RING[which] + std * torch.randn(num, 2, generator=generator)


def test_modes_by_hand():
    first = [[1.0, 0.1], [1.0, -0.1], [1.2, 0], [0.8, 0]]  # narrow along the second axis
    second = [[0.1, 1.0], [-0.1, 1], [0, 1.2], [0, 0.8]]  # and along the first one
    found = measure.modes(torch.tensor([*first, *second, [3, 3], [0, 0]]), RING, 0.25)
    torch.testing.assert_close(found.shares, torch.tensor([0.4, 0.4, 0.0, 0.0]))
    assert found.on_mode == pytest.approx(0.8)
    assert found.spread == pytest.approx(math.sqrt((0.01 + 0.01) / 4))


def test_modes_tell_the_data_from_its_fakes():
    real = measure.modes(gaussians(4000), RING, 0.3)
    # A round Gaussian keeps 1 - exp(-9/2) of its points within three standard deviations.
    assert real.on_mode == pytest.approx(1 - math.exp(-4.5), abs=0.006)
    assert real.shares.min() > 0.22
    assert real.shares.max() < 0.28
    kept = 0.1 * math.sqrt(1 - 4.5 / (math.exp(4.5) - 1))  # of any direction; a little below it
    assert 0.95 * kept < real.spread < 1.01 * kept
    copies = measure.modes(RING[:1].repeat(4000, 1), RING, 0.3)
    assert copies.on_mode == 1
    assert copies.shares.min() == 0
    assert copies.spread == 0
    centres = measure.modes(RING.repeat(1000, 1), RING, 0.3)
    assert centres.shares.min() == 0.25
    assert centres.spread == 0
    streaks = gaussians(4000)
    along = RING[measure.distances(streaks, RING).argmin(1)]
    streaks = streaks - ((streaks - along) * along).sum(1, keepdim=True) * along
    assert measure.modes(streaks, RING, 0.3).spread < 1e-3
    uniform = 4 * torch.rand(4000, 2, generator=torch.Generator().manual_seed(0)) - 2
    noise = measure.modes(uniform, RING, 0.3)
    assert noise.on_mode == pytest.approx(4 * math.pi * 0.09 / 16, abs=0.02)
    assert 0.13 < noise.spread < 0.15  # of a disc: radius / 2 a coordinate; a little below it
    assert math.isnan(measure.modes(torch.full((3, 2), 9.0), RING, 0.3).spread)


def test_nearest_neighbours_by_hand():
    generator = torch.Generator().manual_seed(0)
    known, unseen = torch.randn(2, 30, 1, 3, 3, generator=generator)
    found = measure.nearest(unseen, known, 2)
    for point, near in zip(unseen, found, strict=True):
        away = sorted(math.dist(point.flatten().tolist(), y.flatten().tolist()) for y in known)
        assert near.tolist() == pytest.approx(away[:2], rel=1e-5)


def test_a_copy_under_noise_has_one_favourite_and_a_new_example_has_none():
    generator = torch.Generator().manual_seed(0)
    known, unseen, noise = torch.randn(3, 300, 64, generator=generator)

    def favourite(x):  # in a tenth of the set
        near = measure.nearest(x, known, 2)
        return float((near[:, 0] / near[:, 1]).quantile(0.1))

    new = favourite(unseen)
    for size in (0.0, 0.1, 0.5):
        assert favourite(known + size * noise) < 0.6 * new
    assert favourite(torch.cat([known[:150], 5 * unseen[:150]])) == 0  # half are copies


def test_scatter_of_repeats():
    found = measure.Scatter.of([torch.tensor(1.0), 2.0, 3.0])
    assert (found.mean, found.std, found.low, found.high) == (2.0, 1.0, 1.0, 3.0)
    assert str(found) == "2 (1 to 3)"
    with pytest.raises(ValueError, match="at least two"):
        measure.Scatter.of([1.0])


def test_how_far_above_a_floor():
    floor = measure.Scatter.of([-1.0, 0.0, 1.0])  # scatters by 1
    assert measure.Scatter.of([12.0, 12.0]).above(floor) == pytest.approx(12)
    assert measure.Scatter.of([6.0, 10.0, 14.0]).above(floor) == pytest.approx(10 / math.sqrt(17))
    assert floor.above(measure.Scatter.of([12.0, 12.0])) == pytest.approx(-12)
    with pytest.raises(ValueError, match="no scatter to measure in"):
        measure.Scatter.of([1.0, 1.0]).above(measure.Scatter.of([2.0, 2.0]))


def test_the_floor_of_a_distance_is_what_equal_distributions_give():
    generator = torch.Generator().manual_seed(0)
    real, shifted = gaussians(2000, seed=1), gaussians(2000, seed=2) + 0.3

    def measured(x, y=None):
        return measure.subsampled(measure.energy_distance, x, y, size=200, generator=generator)

    floor, same, other = measured(real), measured(real, gaussians(2000, seed=3)), measured(shifted)
    assert len(floor.values) == 20
    assert abs(floor.mean) < floor.std
    assert abs(same.mean - floor.mean) < 2 * floor.std
    assert abs(other.mean) < 2 * floor.std  # the floor of another set is a floor as well
    assert measured(real, shifted).mean > 10 * floor.std


def test_the_parts_of_the_floor_share_no_example():
    x = torch.arange(10.0)[:, None]
    shared = []

    def common(a, b):
        shared.append(len(set(a.flatten().tolist()) & set(b.flatten().tolist())))
        return float(len(a))

    generator = torch.Generator().manual_seed(0)
    found = measure.subsampled(common, x, size=5, repeats=7, generator=generator)
    assert shared == [0] * 7
    assert found.values == (5.0,) * 7
    with pytest.raises(ValueError, match="between 2 and 5"):
        measure.subsampled(common, x, size=6, generator=generator)
    with pytest.raises(ValueError, match="between 2 and 4"):
        measure.subsampled(common, x, x[:4], size=5, generator=generator)


def test_a_judge_cannot_read_fakes_as_what_was_asked(judge, digits):
    images, labels = digits.test
    generator = torch.Generator().manual_seed(0)
    flat = images.flatten(1)
    order = torch.rand(flat.shape, generator=generator).argsort(0)
    fakes = {
        "blank": torch.full_like(images, -1),
        "noise": torch.randn(images.shape, generator=generator),
        "shuffled pixels": flat.gather(0, order).view_as(images),
        "one digit for all": images[:1].expand_as(images),
    }
    for name, fake in fakes.items():
        assert judge.accuracy(fake, labels) < 0.2, name


@pytest.fixture(scope="module")
def fakes(digits):
    """Sets that are no sample of the digits, each with labels."""
    images, labels = digits.test
    generator = torch.Generator().manual_seed(0)
    means = torch.stack([images[labels == k].mean(0) for k in range(10)])
    first = torch.stack([images[labels == k][0] for k in range(10)])
    some = torch.stack([images[labels == k][:20].mean(0) for k in range(10)])
    return {
        "one example each": (first[labels], labels),
        "averages": (means[labels], labels),
        "averages of some": ((some[labels] + 0.02 * images), labels),
        "blank": (torch.full_like(images, -1), labels),
        "noise": (torch.randn(images.shape, generator=generator).clamp(-1, 1), labels),
    }


def test_confidence_is_the_probability_of_the_likeliest_class(judge, digits, fakes):
    images, _ = digits.test
    sure = judge.confidence(images)
    assert sure.shape == (500,)
    torch.testing.assert_close(sure, torch.softmax(judge(images), 1).max(1).values)
    assert not sure.requires_grad
    mean = {name: float(judge.confidence(x).mean()) for name, (x, _) in fakes.items()}
    assert mean["noise"] < float(sure.mean()) - 0.1
    # Averages of a class pass: confidence alone says nothing of variety.
    assert mean["averages"] > float(sure.mean()) - 0.1


def test_diversity_by_hand(judge, digits):
    images, _ = digits.test
    labels = torch.tensor([3, 3, 3, 7, 7])
    z = judge.features(images[:5]).detach()
    threes = [math.dist(z[i].tolist(), z[j].tolist()) for i, j in ((0, 1), (0, 2), (1, 2))]
    expected = (sum(threes) / 3 + math.dist(z[3].tolist(), z[4].tolist())) / 2
    assert judge.diversity(images[:5], labels) == pytest.approx(expected, rel=1e-4)


def test_diversity_tells_real_digits_from_repeats_and_averages(judge, digits, fakes):
    images, labels = digits.test
    real = [judge.diversity(images[k::2], labels[k::2]) for k in (0, 1)]
    assert abs(real[0] - real[1]) < 0.05 * real[0]  # its floor: half against half
    found = {name: judge.diversity(x, y) for name, (x, y) in fakes.items()}
    for name in ("one example each", "averages", "blank"):
        assert found[name] == pytest.approx(0, abs=1e-3), name
    assert found["averages of some"] < 0.2 * real[0]
    mixed = judge.diversity(images, labels[torch.randperm(500)])  # more than one class in a class
    assert mixed > 1.2 * real[0]


@pytest.mark.parametrize(
    ("labels", "message"),
    [(torch.zeros(4), r"shape \(5,\), one an image"), (torch.arange(5), "class 0 has one")],
)
def test_diversity_refuses_what_has_none(judge, digits, labels, message):
    with pytest.raises(ValueError, match=message):
        judge.diversity(digits.test.images[:5], labels)


def test_saturation_by_hand():
    values = torch.tensor([-1.5, -1.0, -0.995, -0.9, 0.0, 0.5, 0.98, 1.0, 1.2, 3.0])
    found = measure.saturation(values)
    assert (found.low, found.high) == pytest.approx((0.3, 0.3))
    assert found.beyond == pytest.approx((0.5 + 0.2 + 2.0) / 10)
    exact = measure.saturation(2 * values, 2.0, tolerance=0.0)
    assert (exact.low, exact.high) == pytest.approx((0.2, 0.3))
    assert exact.beyond == pytest.approx(2 * found.beyond)


def test_saturation_of_fakes(digits, fakes):
    real = measure.saturation(digits.test.images)
    assert real.low > 0.5  # a digit's background
    assert real.beyond == 0
    found = {name: measure.saturation(x) for name, (x, _) in fakes.items()}
    assert (found["blank"].low, found["blank"].high) == (1, 0)
    assert found["averages"].high < 0.2 * real.high  # an average is grey
    assert found["noise"].high > 3 * real.high
    contrast = measure.saturation(3 * digits.test.images)
    assert contrast.high > 1.5 * real.high
    assert contrast.beyond > 1


@pytest.mark.parametrize(
    ("values", "options"),
    [(torch.zeros(0), {}), (torch.zeros(3), dict(limit=0.0)), (torch.zeros(3), dict(tolerance=1))],
)
def test_saturation_refuses_what_has_no_range(values, options):
    with pytest.raises(ValueError, match="expected values, limit > 0 and tolerance"):
        measure.saturation(values, **options)


@pytest.mark.parametrize(
    ("values", "message"),
    [(torch.zeros(3).byte(), "got torch.uint8.*127.5"), (torch.tensor([0.0, math.nan]), "no nan")],
)
def test_saturation_is_of_numbers(values, message):
    with pytest.raises(ValueError, match=message):
        measure.saturation(values)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(side=15), "divisible by 4 .* got side=15"),
        (dict(side=18), "divisible by 4 .* got side=18"),
        (dict(side=0), "got side=0"),
        (dict(num_classes=0), "at least 1; got .* num_classes=0"),
    ],
)
def test_a_judge_has_sizes_that_work(options, message):
    with pytest.raises(ValueError, match=message):
        measure.Judge(**options)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (torch.zeros(1).long(), r"shape \(4,\), one an image; got \(1,\)"),
        (torch.zeros(4, 1).long(), r"got \(4, 1\)"),
        (torch.zeros(4), "integers; got torch.float32"),
        (torch.full((4,), 99), "0 ... 9; got 99 to 99"),
    ],
)
def test_a_judge_is_told_one_class_an_image(labels, message):
    judge, images = measure.Judge(16), torch.zeros(4, 1, 16, 16)
    for number in (judge.accuracy, judge.diversity):
        with pytest.raises(ValueError, match=message):
            number(images, labels)


@pytest.mark.parametrize("shape", [(4, 1, 17, 17), (4, 1, 8, 8), (4, 3, 16, 16), (0, 1, 16, 16)])
def test_a_judge_looks_at_images_of_its_shape(shape):
    judge, images, labels = measure.Judge(16), torch.zeros(shape), torch.zeros(shape[0]).long()
    with pytest.raises(ValueError, match=r"images must have shape \(B, 1, 16, 16\), B at least 1"):
        judge.accuracy(images, labels)
    for look in (judge, judge.confidence, lambda x: judge.distance(x, x)):
        with pytest.raises(ValueError, match="images must have shape"):
            look(images)
    with pytest.raises(ValueError, match="images must have shape"):
        judge.diversity(images, labels)
