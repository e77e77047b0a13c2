"""Classifiers as instruments: is it legible, and as what?"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.measure.distance import distances, energy_distance


class Judge(nn.Module):
    """A small convolutional classifier of digits: the instrument that says whether one is legible.

    Args:
        side: height and width of the images, divisible by 4.
        num_classes: labels it knows.

    Attributes:
        features: (B, 1, H, W) images -> (B, 64) what it looks at.

    Raises:
        ValueError: side is not divisible by 4, or a size is below 1. In use: images of another
            shape, none at all, or labels that are not one an image.
    """

    def __init__(self, side: int = 16, num_classes: int = 10) -> None:
        super().__init__()
        if side < 4 or side % 4 or num_classes < 1:
            raise ValueError(
                "side must be divisible by 4 and num_classes at least 1; got "
                f"side={side} and num_classes={num_classes}."
            )
        self.side, self.num_classes = side, num_classes
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(32 * (side // 4) ** 2, 64),
            nn.ReLU(),
        )
        self.classify = nn.Linear(64, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, num_classes) of images (B, 1, H, W)."""
        return self.classify(self.look(images))

    def look(self, images: Tensor) -> Tensor:
        """The features (B, 64) of images (B, 1, H, W), after checking their shape."""
        if images.shape[1:] != (1, self.side, self.side) or not len(images):
            raise ValueError(
                f"images must have shape (B, 1, {self.side}, {self.side}), B at least 1; got "
                f"{tuple(images.shape)}."
            )
        return self.features(images)

    @torch.no_grad()
    def distance(self, x: Tensor, y: Tensor) -> float:
        """Energy distance of two sets of images (N, 1, H, W) in the judge's 64 features.

        Pixels hardly tell strokes from stray ink; what a classifier looks at does. The idea is that
        of Heusel et al. 2017 (FID), arXiv:1706.08500, with an unbiased distance and a network that
        can be trained in seconds.
        """
        return energy_distance(self.look(x), self.look(y))

    @torch.no_grad()
    def accuracy(self, images: Tensor, labels: Tensor) -> float:
        """Share of images (B, 1, H, W) whose likeliest class is their label (B,)."""
        check_labels_of(images, labels, self.num_classes)
        return (self(images).argmax(1) == labels).float().mean().item()

    @torch.no_grad()
    def confidence(self, images: Tensor) -> Tensor:
        """(B,) probability of the likeliest class of each image (B, 1, H, W).

        High for what looks like *one* digit, also for the average of a class, which nobody wrote:
        look at `diversity` beside it.
        """
        return self(images).softmax(1).amax(1)

    @torch.no_grad()
    def diversity(self, images: Tensor, labels: Tensor) -> float:
        """Mean distance of two images of one class in the judge's features, over all classes.

        0 where each class has one image, again and again. Noise is diverse too, and real digits
        have a value of their own: compare with theirs, and look at `accuracy` beside it.

        Args:
            images: (B, 1, H, W).
            labels: (B,) their classes; each that occurs has at least two images.

        Raises:
            ValueError: labels are not one an image, or a class has a single image.
        """
        check_labels_of(images, labels, self.num_classes)
        features, within = self.look(images), []
        for label in labels.unique():
            some = features[labels == label]
            if len(some) < 2:
                raise ValueError(
                    f"diversity needs two images of each class; class {int(label)} has one."
                )
            within.append(distances(some, some).sum() / (len(some) * (len(some) - 1)))
        return torch.stack(within).mean().item()


def check_labels_of(images: Tensor, labels: Tensor, num_classes: int) -> None:
    """Raise ValueError unless labels (B,) are one class for each image (B, ...)."""
    if labels.shape != images.shape[:1]:
        raise ValueError(
            f"labels must have shape ({len(images)},), one an image; got {tuple(labels.shape)}."
        )
    if labels.is_floating_point() or labels.dtype == torch.bool:
        raise ValueError(f"labels must be integers; got {labels.dtype}.")
    if labels.numel() and not bool(((labels >= 0) & (labels < num_classes)).all()):
        raise ValueError(
            f"labels must lie in 0 ... {num_classes - 1}; got {int(labels.min())} to "
            f"{int(labels.max())}."
        )


def classification_loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Cross-entropy of (inputs, labels), in nats."""
    inputs, labels = batch
    return F.cross_entropy(model(inputs), labels)
