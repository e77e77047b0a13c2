"""05.3: a denoiser for sounds of any length, from one for short sounds."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_utils.exercises import Exercise, Mistake

Denoise = Callable[[Tensor], Tensor]


def long_guess(denoise: Denoise, x: Tensor, window: int, hop: int) -> Tensor:
    """The mean of what all windows that hold a sample say about it."""
    return averaged()(denoise, x, window, hop)


def starts_of(length: int, window: int, hop: int) -> list[int]:
    """Where windows begin: every hop, and one that ends with the sound."""
    starts = list(range(0, length - window + 1, hop))
    return starts if starts[-1] == length - window else [*starts, length - window]


def averaged(
    starts: Callable[[int, int, int], list[int]] = starts_of,
    weight: Callable[[int], Tensor] = torch.ones,
    divide: bool = True,
) -> Callable[..., Tensor]:
    """A weighted mean over windows that begin at `starts(length, window, hop)`."""

    def guess(denoise: Denoise, x: Tensor, window: int, hop: int) -> Tensor:
        total, count = torch.zeros_like(x), torch.zeros(x.shape[-1])
        for start in starts(x.shape[-1], window, hop):
            here = slice(start, start + window)
            total[:, here] += weight(window) * denoise(x[:, here])
            count[here] += weight(window)
        return total / count.clamp(min=1e-9) if divide else total

    return guess


class Strict:
    """A denoiser that takes windows of one length, and answers by where a sample is in them."""

    def __init__(self, window: int) -> None:
        self.window = window

    def __call__(self, x: Tensor) -> Tensor:
        """Mixes a sample with all before it in the window, and with its place."""
        if x.ndim != 2 or x.shape[1] != self.window:
            raise ValueError(f"denoise wants (B, {self.window}); got {tuple(x.shape)}.")
        return x.cumsum(1).tanh() + torch.linspace(-1, 1, self.window)


def long_cases() -> list[tuple[Any, ...]]:
    """Hops that fit and hops that do not; one window; a hop of one; windows without overlap."""
    sizes = [(2, 20, 8, 4), (3, 21, 8, 5), (1, 9, 9, 3), (2, 13, 4, 1), (1, 30, 10, 10)]
    return [
        (Strict(window), torch.randn(batch, length), window, hop)
        for batch, length, window, hop in [*sizes, (2, 23, 7, 7)]
    ]


def last_says(denoise: Denoise, x: Tensor, window: int, hop: int) -> Tensor:
    """Every window writes over the one before."""
    said = torch.zeros_like(x)
    for start in starts_of(x.shape[-1], window, hop):
        said[:, start : start + window] = denoise(x[:, start : start + window])
    return said


def first_says(denoise: Denoise, x: Tensor, window: int, hop: int) -> Tensor:
    """Every window only adds what is new."""
    said = torch.zeros_like(x)
    for start in reversed(starts_of(x.shape[-1], window, hop)):
        said[:, start : start + window] = denoise(x[:, start : start + window])
    return said


def sees_guesses(denoise: Denoise, x: Tensor, window: int, hop: int) -> Tensor:
    """A window is shown what the windows before made of the sound."""
    seen = x.clone()
    total, count = torch.zeros_like(x), torch.zeros(x.shape[-1])
    for start in starts_of(x.shape[-1], window, hop):
        here = slice(start, start + window)
        said = denoise(seen[:, here])
        total[:, here] += said
        count[here] += 1
        seen[:, here] = said
    return total / count


def padded(denoise: Denoise, x: Tensor, window: int, hop: int) -> Tensor:
    """Fills the last window with silence."""
    length = x.shape[-1]
    spare = -(length - window) % hop
    longer = torch.cat([x, x.new_zeros(len(x), spare)], dim=1)
    return long_guess(denoise, longer, window, hop)[:, :length]


def running_mean(denoise: Denoise, x: Tensor, window: int, hop: int) -> Tensor:
    """Takes the mean of what stood there and what is new, so that the last counts most."""
    said, seen = torch.zeros_like(x), torch.zeros(x.shape[-1], dtype=torch.bool)
    for start in starts_of(x.shape[-1], window, hop):
        here = slice(start, start + window)
        new = denoise(x[:, here])
        said[:, here] = torch.where(seen[here], (said[:, here] + new) / 2, new)
        seen[here] = True
    return said


LONGER = Exercise(
    id="05.3",
    title="a guess for a sound of any length",
    reference=long_guess,
    cases=long_cases,
    mistakes=[
        Mistake(
            "the end is missing",
            averaged(lambda length, window, hop: list(range(0, length - window + 1, hop))),
            "The last samples are in no window. Where the hops do not fit, add a window that ends "
            "with the sound.",
        ),
        Mistake(
            "the last window twice",
            averaged(
                lambda length, window, hop: [*starts_of(length, window, hop), length - window]
            ),
            "The last window counts twice where the hops fit: add one only if samples are left.",
        ),
        Mistake(
            "windows pushed back, again and again",
            averaged(
                lambda length, window, hop: [
                    min(start, length - window) for start in range(0, length, hop)
                ]
            ),
            "Once a window ends with the sound you are done: those that begin later, pushed back, "
            "are the same window again, and count twice.",
        ),
        Mistake(
            "sum",
            averaged(divide=False),
            "You added the windows up. Divide each sample by the number of windows that hold it.",
        ),
        Mistake(
            "one count for all",
            lambda denoise, x, window, hop: (
                averaged(divide=False)(denoise, x, window, hop)
                / len(starts_of(x.shape[-1], window, hop))
            ),
            "The windows that hold a sample differ in number: few at the ends. Count for each.",
        ),
        Mistake(
            "count from window and hop",
            lambda denoise, x, window, hop: (
                averaged(divide=False)(denoise, x, window, hop) * hop / window
            ),
            "window / hop is the count in the middle only, and only if the hops fit.",
        ),
        Mistake(
            "the last window says",
            last_says,
            "Every window writes over the one before. Take the mean of all that hold a sample.",
        ),
        Mistake(
            "the first window says",
            first_says,
            "What later windows say of the same samples is lost. Take the mean.",
        ),
        Mistake(
            "running mean",
            running_mean,
            "The mean of old and new makes the last window count half, however many there were. "
            "Add up, count, and divide at the end.",
        ),
        Mistake(
            "windows see guesses",
            sees_guesses,
            "Every window must see the noisy sound, not what another window made of it.",
        ),
        Mistake(
            "no overlap",
            averaged(
                lambda length, window, hop: [
                    *range(0, length - window, window),
                    length - window,
                ]
            ),
            "The windows begin every hop samples, so that they overlap.",
        ),
        Mistake(
            "silence at the end",
            padded,
            "Silence was added to fill the last window, and the denoiser was shown it. Let the "
            "last window end with the sound instead.",
        ),
        Mistake(
            "faded windows",
            averaged(weight=lambda window: torch.bartlett_window(window + 2, periodic=False)[1:-1]),
            "All windows count alike at a sample: a plain mean, without fading.",
        ),
    ],
)
