"""Exponents of costs that are known."""

import pytest
from sections import growth


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_exponent_of_a_power_law(power):
    sizes = (1, 2, 4, 8)
    costs = [3.0 * size**power for size in sizes]
    found = growth.fitted(sizes, costs, "ms", power)
    assert found["exponent"] == pytest.approx(power)
    assert found["upper_exponent"] == pytest.approx(power)
