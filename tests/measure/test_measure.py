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


def test_correlation_and_shares():
    a = torch.tensor([1.0, 2, 3])
    assert measure.correlation(a, -2 * a + 1) == pytest.approx(-1)
    with pytest.raises(ValueError, match="one shape"):
        measure.correlation(a, a[:2])
    points, centres = torch.tensor([[0.0, 0], [1, 0], [5, 5]]), torch.tensor([[0.0, 0], [5, 4.5]])
    assert measure.share_near(points, centres, 0.5) == pytest.approx(2 / 3)


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
