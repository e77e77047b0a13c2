"""One space for texts and pictures. Letters: B batch, C H W image, E width of the space."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.layers import check_sizes
from course_utils.multimodal.text import TextEncoder


class ImageEncoder(nn.Module):
    """A small convolutional network: an image (B, C, S, S) becomes a vector (B, width).

    Args:
        channels: C.
        side: S, divisible by 4. The last layer sees where things stand.
        width: of the vector.
    """

    edges = ("enter",)

    def __init__(self, channels: int = 3, side: int = 16, width: int = 64) -> None:
        super().__init__()
        check_sizes(channels=channels, width=width)
        if side < 4 or side % 4:
            raise ValueError(f"side must be divisible by 4; got {side}.")
        self.shape, self.width = (channels, side, side), width
        self.enter = nn.Conv2d(channels, 32, 3, padding=1)
        self.deeper = nn.Sequential(
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(2 * side**2, width),
            nn.ReLU(),
        )

    def forward(self, images: Tensor) -> Tensor:
        """(B, width) for images (B, C, S, S) in [-1, 1]."""
        if images.shape[1:] != self.shape:
            raise ValueError(f"images must have shape (B, *{self.shape}); got {(*images.shape,)}.")
        return self.deeper(self.enter(images))


class TwoTowers(nn.Module):
    """Puts texts and images into one space, where a text lies near the image that it describes.

    Args:
        text: reads captions.
        image: sees images.
        width: E of the space.

    Attributes:
        scale: () log of what similarities are multiplied by, learned.
        bias: () what is added to them, learned; used by the sigmoid loss alone.

    Source: Radford et al. 2021 (CLIP), arXiv:2103.00020.
    """

    edges = ("from_text", "from_image")

    def __init__(self, text: TextEncoder, image: ImageEncoder, width: int = 32) -> None:
        super().__init__()
        check_sizes(width=width)
        self.text, self.image = text, image
        self.from_text = nn.Linear(text.width, width, bias=False)
        self.from_image = nn.Linear(image.width, width, bias=False)
        self.scale = nn.Parameter(torch.tensor(math.log(10.0)))
        self.bias = nn.Parameter(torch.tensor(-10.0))

    def embed_texts(self, tokens: Tensor) -> Tensor:
        """(B, E) vectors of length 1 for tokens (B, L)."""
        return F.normalize(self.from_text(self.text(tokens).vector), dim=1)

    def embed_images(self, images: Tensor) -> Tensor:
        """(B, E) vectors of length 1 for images (B, C, S, S)."""
        return F.normalize(self.from_image(self.image(images)), dim=1)

    def similarities(self, images: Tensor, tokens: Tensor) -> Tensor:
        """(B, B'): the cosine of each of B images with each of B' texts, times exp(scale)."""
        return self.scale.exp() * self.embed_images(images) @ self.embed_texts(tokens).T


def softmax_loss(model: TwoTowers, batch: Sequence[Tensor]) -> Tensor:
    """Which text belongs to which image? Cross-entropy along rows and columns, their mean.

    A text and its image are right for each other, all other pairs of the batch are wrong. Where two
    texts are the same, word for word, both are right, half each.

    Args:
        model: the two towers.
        batch: images (B, C, S, S), tokens (B, L).

    Returns:
        () loss in nats; log B for a model that knows nothing.

    Raises:
        ValueError: there are not as many images as texts.

    Source: Radford et al. 2021, figure 3, arXiv:2103.00020; several right answers as in Khosla et
    al. 2020, equation 2, arXiv:2004.11362.
    """
    images, tokens = check_pairs(batch)
    logits = model.similarities(images, tokens)
    target = same_texts(tokens).to(logits)
    target = target / target.sum(1, keepdim=True)  # symmetric
    by_image = F.cross_entropy(logits, target)
    return (by_image + F.cross_entropy(logits.T, target)) / 2


def sigmoid_loss(model: TwoTowers, batch: Sequence[Tensor]) -> Tensor:
    """Does this text belong to this image? Each of the B^2 pairs is a question of its own.

    Args:
        model: the two towers; here their bias counts.
        batch: images (B, C, S, S), tokens (B, L).

    Returns:
        () loss in nats, summed over the texts of an image, its mean over images.

    Raises:
        ValueError: there are not as many images as texts.

    Source: Zhai et al. 2023 (SigLIP), equation in section 3.2, arXiv:2303.15343.
    """
    images, tokens = check_pairs(batch)
    logits = model.similarities(images, tokens) + model.bias
    sign = 2 * same_texts(tokens).to(logits) - 1
    return -F.logsigmoid(sign * logits).sum(1).mean()


def same_texts(tokens: Tensor) -> Tensor:
    """(B, B) True where two of the texts (B, L) are the same, word for word."""
    return (tokens[:, None] == tokens[None]).all(-1)


def check_pairs(batch: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Images and tokens of a batch, or ValueError if they are not pairs."""
    if len(batch) != 2:
        raise ValueError(f"a batch must be (images, tokens); got {len(batch)} parts.")
    images, tokens = batch
    if len(images) != len(tokens):
        raise ValueError(
            f"each image needs its one caption; got {len(images)} images and {len(tokens)} "
            "captions. Repeat the image for a second caption."
        )
    return images, tokens


class Retrieval(NamedTuple):
    """Shares of questions whose first answer is right."""

    image_of_text: float
    text_of_image: float


@torch.no_grad()
def retrieval(model: TwoTowers, images: Tensor, tokens: Tensor) -> Retrieval:
    """How often the nearest is right, among all N pairs; chance is 1 / N if no caption repeats.

    Two captions that ask for the same picture in other words ("left of" turned round) count as two:
    where there are such, a perfect model is right half the time.

    Args:
        model: the two towers.
        images: (N, C, S, S).
        tokens: (N, L), the caption of each. An equal caption counts as right, too.

    Raises:
        ValueError: there are not as many images as texts, or none, or an embedding is NaN.
    """
    images, tokens = check_pairs((images, tokens))
    if not len(images):
        raise ValueError("retrieval needs at least one pair; got none.")
    logits, same = model.similarities(images, tokens), same_texts(tokens)
    if bool(logits.isnan().any()):
        raise ValueError("a similarity is NaN: look for NaN in the images or in the weights.")
    every = torch.arange(len(images), device=logits.device)
    of_text, of_image = logits.argmax(0), logits.argmax(1)
    return Retrieval(
        same[of_text, every].float().mean().item(), same[every, of_image].float().mean().item()
    )
