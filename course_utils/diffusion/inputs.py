"""What the parts of a diffusion model accept: times, images, labels. Letters: B batch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from course_utils.layers import at_least_float32, check_sizes

Time = Tensor | float  # any shape in, the same shape out


def check_times(t: Time, x: Tensor) -> Tensor:
    """Return t as a tensor after checking that it suits the batch x; see `schedule.Schedule.at`.

    Times are float32, whatever x is, or float64 if they come so or are one float for such an x:
    in bfloat16 there would be only some 500 of them.
    """
    if not isinstance(t, Tensor):
        t = torch.tensor(float(t), dtype=at_least_float32(x.dtype))
    if not t.is_floating_point():
        raise ValueError(
            f"t must be floating point in [0, 1]; got {t.dtype}. "
            "For integer timesteps i of num_steps use t = (i + 1) / num_steps."
        )
    if t.ndim and t.shape != x.shape[:1]:
        remedy = {1: f"Use t.expand({len(x)}).", len(x): "Use t.flatten()."}.get(t.numel(), "")
        raise ValueError(
            f"t must have shape ({len(x)},), one time per example; got {tuple(t.shape)}. {remedy}"
        )
    # On an accelerator this comparison would stop the queue at every step, so only the CPU looks.
    if t.device.type == "cpu" and t.numel():
        low, high = t.min().item(), t.max().item()
        if not (low >= 0 and high <= 1):  # also where one is not a number
            raise ValueError(
                f"t must lie in [0, 1], 0 = data and 1 = noise; got values from {low:.4g} to "
                f"{high:.4g}. Divide integer timesteps by their number."
            )
    return t.to(x.device, at_least_float32(t.dtype))


def batch_times(t: Time, x: Tensor) -> Tensor:
    """(B,) times for the batch x (B, ...), from one for all or one each; a copy."""
    return check_times(t, x).expand(len(x)).clone()


def check_floating(x: Tensor, name: str) -> None:
    """Raise ValueError unless x holds numbers that noise can be mixed with."""
    if not x.is_floating_point():
        raise ValueError(
            f"{name} must be floating point, of about unit variance; got {x.dtype}. "
            "For images of bytes 0 ... 255 use images / 127.5 - 1."
        )


def check_earlier(t: float, s: float) -> None:
    """Raise ValueError unless a step that draws noise goes from t to an earlier time s."""
    if not s < t:
        raise ValueError(
            f"a step that draws noise goes to an earlier time; got t = {t:.4g} and s = {s:.4g}. To "
            "walk backwards, as invert does, use ddim or heun."
        )


def check_one_condition(num_classes: int, text: object) -> None:
    """Raise ValueError unless a network is told labels, or a text, or nothing."""
    check_sizes(0, num_classes=num_classes)
    if num_classes and text is not None:
        raise ValueError(
            f"a network is told labels or a text, not both; got num_classes={num_classes} and a "
            "text encoder. Write the label into the text."
        )


def check_labels(label: Tensor | None, num_classes: int, num_examples: int) -> None:
    """Raise ValueError unless these are (B,) labels that a network of `num_classes` knows.

    Args:
        label: integers in 0 ... num_classes - 1, and -1 where nothing is known; or None, which
            every network takes.
        num_classes: of the network; 0 if it knows none.
        num_examples: B.
    """
    if label is None:
        return
    if not num_classes:
        raise ValueError("got labels, but this network has none. Build it with num_classes=10.")
    if label.dtype not in (torch.int64, torch.int32) or label.shape != (num_examples,):
        raise ValueError(
            f"labels must be integers of shape ({num_examples},), one an example; got "
            f"{label.dtype} of shape {tuple(label.shape)}."
        )
    # An accelerator would have to wait for this look.
    if label.device.type == "cpu" and label.numel():
        low, high = (int(end) for end in label.aminmax())
        if low < -1 or high >= num_classes:
            raise ValueError(
                f"labels must lie in 0 ... {num_classes - 1}, or be -1 for no label; got values "
                f"from {low} to {high}. Build the network with a larger num_classes."
            )


def embed_labels(embedding: nn.Embedding | None, label: Tensor | None) -> Tensor | float:
    """What a network adds to its condition for labels (B,): a row (B, D) each, 0 for -1 or None."""
    if embedding is None or label is None:
        return 0.0
    known = (label >= 0)[:, None]
    return torch.where(known, embedding(label.clamp(min=0)), 0.0)
