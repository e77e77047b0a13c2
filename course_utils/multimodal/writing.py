"""What the joint transformer is trained on, and what it says of an image.

Letters: B batch, L words of a caption, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.diffusion import Denoiser, denoising_loss
from course_utils.language import WordTokenizer
from course_utils.layers import check_sizes
from course_utils.multimodal.contrastive import check_pairs
from course_utils.multimodal.joint import JointTransformer
from course_utils.multimodal.text import NOTHING


def caption_loss(model: Denoiser, batch: Sequence[Tensor], *, hide: float = 0.3) -> Tensor:
    """Mean cross-entropy of a caption's words and its stop, given the image; nats a token.

    Args:
        model: a denoiser whose net is a `JointTransformer`.
        batch: images (B, C, S, S) and captions (B, L), -1 behind the last word.
        hide: share of the words, in [0, 1], that cannot be read when the next one is predicted.
            A captioner that always reads them learns which words go together, and then believes
            them more than the image.

    Raises:
        ValueError: the batch is no pair, there is not one caption for each image, one has a gap or
            a start, or the share is out of its range.

    Source: hiding words: Bowman et al. 2016, section 3.1, arXiv:1511.06349.
    """
    if not 0 <= hide <= 1:
        raise ValueError(f"hide must lie in [0, 1]; got {hide}.")
    net = joint_net(model)
    images, captions = check_pairs(batch)
    check_whole(captions, net.start)
    hidden = (torch.rand(captions.shape, device=captions.device) < hide) & (captions != NOTHING)
    logits = net.write(images, captions.masked_fill(hidden, net.start))
    targets = F.pad(captions, (0, 1), value=NOTHING)  # (B, L + 1)
    last = (captions != NOTHING).sum(1, keepdim=True)
    targets = targets.scatter(1, last, net.stop)
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=NOTHING)


def check_whole(captions: Tensor, start: int) -> None:
    """Raise ValueError if captions (B, L) on the CPU hold `start`, or -1 before their last word."""
    if captions.device.type != "cpu":  # an accelerator would wait
        return
    there = captions != NOTHING
    if bool((there[:, 1:] & ~there[:, :-1]).any()) or bool((captions == start).any()):
        raise ValueError(
            f"captions to learn from have -1 behind their last word only, and no start ({start}). "
            "Use encode_captions."
        )


def joint_loss(
    model: Denoiser, batch: Sequence[Tensor], *, drop: float = 0.1, weight: float = 5.0
) -> Tensor:
    """Cross-entropy of the words plus `weight` times the squared error of the noise.

    Args:
        model: a denoiser whose net is a `JointTransformer`.
        batch: images (B, C, S, S) and captions (B, L).
        drop: share of captions hidden while drawing, for `Guided`.
        weight: of the denoising loss; Transfusion's lambda, which is 5 there.

    Raises:
        ValueError: the weight is negative or not finite, or the batch is no pair.

    Source: Zhou et al. 2024, equation 4, arXiv:2408.11039.
    """
    if not 0 <= weight < math.inf:
        raise ValueError(f"weight must be >= 0 and finite; got {weight}.")
    written = caption_loss(model, batch)
    return written + weight * denoising_loss(model, batch, drop=drop)


@torch.no_grad()
def describe(model: Denoiser, tokenizer: WordTokenizer, images: Tensor, most: int = 8) -> list[str]:
    """What the model says of each image, by greedy choice, at most so many words.

    Args:
        model: a denoiser whose net is a `JointTransformer`.
        tokenizer: of the captions that it learned.
        images: (B, C, S, S), clean.
        most: words of the longest caption, at least 1.

    Raises:
        ValueError: an image holds NaN, or does not fit the network.
    """
    check_sizes(most=most)
    if bool(images.isnan().any()):
        raise ValueError("images hold NaN. Look at what drew them first.")
    net = joint_net(model)
    words = torch.full((len(images), 0), NOTHING, device=images.device)
    ended = torch.zeros(len(images), 1, dtype=torch.bool, device=images.device)
    for _ in range(most):
        new = net.write(images, words)[:, -1].argmax(-1, keepdim=True)
        ended |= new >= net.start
        words = torch.cat([words, new.masked_fill(ended, NOTHING)], dim=1)
        if bool(ended.all()):
            break
    return [tokenizer.decode([w for w in row if w != NOTHING]) for row in words.tolist()]


def joint_net(model: Denoiser) -> JointTransformer:
    """The network of a denoiser that can also write.

    Raises:
        ValueError: it is another one.
    """
    if not isinstance(model.net, JointTransformer):
        raise ValueError(
            f"this needs a denoiser of a JointTransformer; got {type(model.net).__name__}."
        )
    return model.net
