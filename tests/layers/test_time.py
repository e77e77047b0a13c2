import pytest
import torch

from course_utils.layers import time_embedding


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_an_embedding_has_the_type_of_the_weights_that_read_it(dtype):
    t = torch.rand(5)
    found = time_embedding(t, 8, dtype=dtype)
    assert found.dtype == dtype
    torch.testing.assert_close(found, time_embedding(t, 8).to(dtype), rtol=0, atol=0)


def test_is_computed_in_the_precision_of_the_times():
    t = torch.linspace(0, 1, 7, dtype=torch.float64)
    half = 10_000.0 ** -torch.linspace(0, 1, 4, dtype=torch.float64)
    angles = 1000 * t[:, None] * half
    expected = torch.cat([angles.sin(), angles.cos()], 1)
    found = time_embedding(t, 8, dtype=torch.float64)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.int64])
def test_times_that_do_not_tell_apart_are_refused(dtype):
    with pytest.raises(ValueError, match=r"float32 or float64; got .*t.float\(\)"):
        time_embedding(torch.zeros(5, dtype=dtype), 8)
