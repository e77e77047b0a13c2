"""The ten shapes that move."""

import torch

from course_utils.data import load_digits
from course_utils.recipes.clips import ten_digits


def test_they_are_ten_digits_of_the_part_to_learn_from_one_of_each_kind():
    images, labels = ten_digits()
    assert images.shape == (10, 1, 10, 10)
    assert labels.tolist() == list(range(10))
    train = load_digits(10).train
    for image, label in zip(images, labels, strict=True):
        same = (train.images == image).flatten(1).all(1)
        assert label in train.labels[same].tolist()


def test_none_of_their_kind_is_nearer_to_its_mean():
    images, labels = ten_digits()
    train = load_digits(10).train
    for image, label in zip(images, labels, strict=True):
        kind = train.images[train.labels == label]
        away = torch.cdist(kind.flatten(1), kind.mean(0).view(1, -1))[:, 0]
        assert (image - kind.mean(0)).norm() <= away.min() + 1e-4
