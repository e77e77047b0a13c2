"""Laws: one that is known is found again, also from noisy losses, and extrapolates."""

import math

import numpy as np
import pytest

from course_utils.measure import Law, fit_law, repeated_fits

SIZES = np.array([(n, d) for n in (1e4, 3e4, 9e4, 3e5) for d in (5e4, 1e5, 2e5, 4e5)])
TRUE = Law(0.9, (30.0, 200.0), (0.4, 0.5))
LOSSES = np.array([TRUE(*row) for row in SIZES])


def test_a_law_is_its_formula():
    assert Law(1.5, (4.0,), (0.5,))(16.0) == pytest.approx(2.5)
    assert TRUE(1e4, 4e4) == pytest.approx(0.9 + 30 / 10**1.6 + 1.0)


def test_a_law_without_noise_is_found_and_extrapolates():
    found = fit_law(SIZES, LOSSES)
    assert found.floor == pytest.approx(0.9, abs=1e-3)
    assert found.exponents == pytest.approx((0.4, 0.5), abs=1e-3)
    assert found.scales == pytest.approx((30, 200), rel=0.01)
    assert found(1e8, 1e8) == pytest.approx(TRUE(1e8, 1e8), abs=1e-3)


def test_one_cause_and_a_known_floor_are_a_line_through_logarithms():
    x = np.array([1.0, 10.0, 100.0, 1000.0])
    y = 2 + 3 * x**-0.7
    found = fit_law(x, y, floor=2.0)
    slope, start = np.polyfit(np.log(x), np.log(y - 2), 1)
    assert (found.floor, found.exponents[0]) == (2.0, pytest.approx(-slope, abs=1e-3))
    assert found.scales[0] == pytest.approx(math.exp(start), rel=1e-3)
    assert fit_law(x, y).floor == pytest.approx(2, abs=1e-3)


def test_it_has_the_smallest_relative_errors_of_many_tries():
    draw = np.random.default_rng(0)
    noisy = LOSSES * (1 + 0.02 * draw.normal(size=len(LOSSES)))

    def error(law):
        return sum((law(*row) / y - 1) ** 2 for row, y in zip(SIZES, noisy, strict=True))

    found = fit_law(SIZES, noisy)
    for _ in range(500):
        floor, *rest = (1 + 0.05 * draw.normal(size=5)) * [
            found.floor, *found.scales, *found.exponents
        ]  # fmt: skip
        assert error(found) <= error(Law(floor, tuple(rest[:2]), tuple(rest[2:])))


def test_no_part_is_negative():
    falling = np.array([3.0, 2.0, 1.0, 0.4])  # faster than any law with a floor
    found = fit_law(np.array([1.0, 2.0, 4.0, 8.0]), falling)
    assert found.floor == 0
    assert min(found.scales) >= 0


def test_repeated_fits_scatter_as_the_seeds_do():
    draw = np.random.default_rng(0)
    spread = {}
    for noise in (0.0, 0.001, 0.01):
        losses = LOSSES[:, None] * (1 + noise * draw.normal(size=(len(LOSSES), 3)))
        laws = repeated_fits(SIZES, losses, repeats=12, floor=0.9)
        spread[noise] = np.std([law(1e6, 1e6) for law in laws])
        assert all(law.floor == 0.9 for law in laws)
    assert spread[0.0] < 1e-9 < 3 * spread[0.001] < spread[0.01]


@pytest.mark.parametrize(("losses", "repeats"), [(LOSSES, 3), (LOSSES[:, None], 0)])
def test_repeated_fits_need_seeds_and_repeats(losses, repeats):
    with pytest.raises(ValueError, match=r"losses of shape \(N, S\).*repeat"):
        repeated_fits(SIZES, losses, repeats=repeats)


def test_losses_that_rise_are_no_part_of_a_law():
    found = fit_law(np.array([1.0, 2.0, 4.0, 8.0]), np.array([1.0, 1.1, 1.2, 1.3]))
    assert found.scales == (0.0,)


@pytest.mark.parametrize(
    ("causes", "losses", "options", "says"),
    [
        (SIZES, LOSSES[:5], {}, r"shape \(N, C\) and losses \(N,\); got \(16, 2\) and \(5,\)"),
        (SIZES * 0, LOSSES, {}, "above 0 and finite"),
        (SIZES, LOSSES * math.nan, {}, "above 0 and finite"),
        (SIZES, LOSSES, {"floor": -1.0}, "floor must be from 0 up and finite; got -1"),
        (SIZES[:4], LOSSES[:4], {}, "2 causes has 5 unknowns.*got 4 trainings"),
        (SIZES[::4], LOSSES[::4], {"floor": 1.0}, "at least two sizes of each cause"),
        (SIZES, LOSSES, {"floor": 5.0}, "above the floor 5"),
        (SIZES[:, :1] * [[1, 20]], LOSSES, {}, "one cause follows from the others"),
    ],
)
def test_what_cannot_be_fitted_is_refused(causes, losses, options, says):
    with pytest.raises(ValueError, match=says):
        fit_law(causes, losses, **options)


@pytest.mark.parametrize(
    "causes", [(1.0,), (1.0, 2.0, 3.0), (0.0, 1.0), (math.nan, 1.0), (1.0, math.inf)]
)
def test_a_law_takes_its_own_causes(causes):
    with pytest.raises(ValueError, match="takes 2 finite causes above 0"):
        TRUE(*causes)
