"""`fit`: the loop with a progress bar, that survives interruption."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from course_utils.records import TrainStep
from course_utils.training.accelerate import Loss
from course_utils.training.identity import configuration, name_of
from course_utils.training.loop import EMA, Indexed, train_steps, warmup_cosine
from course_utils.training.optimizer import adamw
from course_utils.training.run import History, Run


def fit(
    model: nn.Module,
    batches: Indexed,
    loss_fn: Loss,
    *,
    num_steps: int,
    optimizer: Callable[[nn.Module, float, float], Optimizer] = adamw,
    learning_rate: float = 3e-3,
    weight_decay: float = 0.01,
    lr_schedule: Callable[[float], float] = warmup_cosine,
    grad_clip: float = 1.0,
    ema: EMA | None = None,
    accelerate: bool = False,
    checkpoint: str | Path | None = None,
    save_every: float = 30.0,
    keep: bool = False,
    restart: bool = False,
) -> History:
    """Train to the end with a progress bar; an interrupted run goes on from its checkpoint.

    Interrupting (the stop button, Ctrl-C) finishes the step, saves and raises KeyboardInterrupt.
    The next call with the same checkpoint continues; on a CPU it ends bit for bit where an
    uninterrupted run would. A run that finished removes its checkpoint, unless `keep`; a kept one
    is loaded whole.

    Args:
        model: updated in place.
        batches: batches[k] is what step k trains on.
        loss_fn: loss_fn(model, batch) -> () loss to minimise.
        num_steps: where training ends.
        optimizer: `adamw` or `muon`: makes one for (model, learning_rate, weight_decay).
        learning_rate: peak rate; about 3e-3 for `adamw`, 0.02 for `muon`.
        weight_decay: passed to the optimizer.
        lr_schedule: progress in [0, 1) -> factor of the learning rate.
        grad_clip: largest global gradient norm.
        ema: average to keep up to date.
        accelerate: on a CUDA card, bfloat16 products and compiled kernels; see `accelerated`.
        checkpoint: file to save to and resume from; None for a run that need not survive.
        save_every: seconds between saves.
        keep: leave the finished weights in the checkpoint, without the optimizer's state.
        restart: ignore and replace an existing checkpoint.

    Returns:
        `History` of the whole run, earlier sittings included.

    Raises:
        CheckpointError: the checkpoint is damaged or of another configuration.
        ValueError: there is a checkpoint, and the loss has no name to tell it by.
        FloatingPointError: the loss is not finite; see `train_steps`.
        KeyboardInterrupt: the run was interrupted, after saving.
    """
    if checkpoint and name_of(loss_fn) == "<lambda>":
        raise ValueError(
            "a checkpoint tells losses apart by their name; got a lambda. Write the loss as a "
            "function with def, or leave out checkpoint."
        )
    stepper = optimizer(model, learning_rate, weight_decay)
    config = configuration(
        model,
        batches,
        num_steps=num_steps,
        loss=name_of(loss_fn),
        optimizer=name_of(optimizer),
        learning_rate=learning_rate,
        lr_schedule=name_of(lr_schedule),
        weight_decay=weight_decay,
        grad_clip=grad_clip,
        ema=ema.decay if ema else None,
    )
    run = Run(model, stepper, ema, config, Path(checkpoint) if checkpoint else None)
    if not restart:
        run.resume()
    done = len(run.history.loss)
    steps = train_steps(
        model,
        batches,
        loss_fn,
        num_steps=num_steps,
        optimizer=stepper,
        lr_schedule=lr_schedule,
        grad_clip=grad_clip,
        ema=ema,
        accelerate=accelerate,
        first_step=done,
    )
    drain(steps, run, num_steps, save_every)
    if done < num_steps:
        run.finish(keep)
    return run.history


def drain(steps: Iterator[TrainStep], run: Run, num_steps: int, save_every: float) -> None:
    """Run all steps with a progress bar; save now and then, and when the stop button asks."""
    from tqdm.auto import tqdm  # imports the notebook's widgets; not needed by `train_steps`

    done, before, started = len(run.history.loss), run.history.seconds, time.perf_counter()
    bar = tqdm(
        total=num_steps, initial=done, desc="training", unit="step", mininterval=0.5, leave=False
    )
    saved, button = started, StopButton()
    losses: list[Tensor] = []
    with bar, on_interrupt(button):
        for record in steps:
            losses.append(record.loss)
            if bar.update():  # true at most twice a second, so reading the loss costs no time
                bar.set_postfix(loss=f"{record.loss.item():.3f}", refresh=False)
            now = time.perf_counter()
            late = run.path is not None and now - saved > save_every
            if late or button.pressed:
                with button.waits():
                    run.collect(losses, before + now - started)
                    run.save()
                saved = now
            if button.pressed and record.step < num_steps:  # else nothing is left to stop
                raise KeyboardInterrupt(run.farewell())
    run.collect(losses, before + time.perf_counter() - started)


class StopButton:
    """Ctrl-C and the stop button, as something the loop asks for between steps.

    An interrupt inside an optimizer step would leave half the weights updated. A second press stops
    at once, but never a save: impatience must not cost the training.
    """

    def __init__(self) -> None:
        self.pressed = False
        self.waiting = False

    def __call__(self, signum: int, frame: Any) -> None:
        """Note a press; this is the handler of the signal."""
        if self.pressed and not self.waiting:
            raise KeyboardInterrupt("stopped inside a step; what was saved before stands.")
        self.pressed = True

    @contextmanager
    def waits(self) -> Iterator[None]:
        """No press interrupts what is inside the block."""
        self.waiting = True
        try:
            yield
        finally:
            self.waiting = False


@contextmanager
def on_interrupt(handler: Any) -> Iterator[None]:
    """Answer Ctrl-C and the stop button by `handler` inside the block, in the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
