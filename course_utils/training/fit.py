"""`fit`: the loop with a progress bar, that survives interruption."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from course_utils.training.loop import EMA, Indexed, Loss, adamw, train_steps, warmup_cosine
from course_utils.training.run import History, Run

STREAM = ("batch_size", "context_length", "seed")  # what decides the batches of a stream


def fit(
    model: nn.Module,
    batches: Indexed,
    loss_fn: Loss,
    *,
    num_steps: int,
    learning_rate: float = 3e-3,
    weight_decay: float = 0.01,
    lr_schedule: Callable[[float], float] = warmup_cosine,
    grad_clip: float = 1.0,
    ema: EMA | None = None,
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
        learning_rate: peak rate of `adamw`.
        weight_decay: of `adamw`.
        lr_schedule: progress in [0, 1) -> factor of the learning rate.
        grad_clip: largest global gradient norm.
        ema: average to keep up to date.
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
    from tqdm.auto import tqdm  # imports the notebook's widgets; not needed by `train_steps`

    if checkpoint and name_of(loss_fn) == "<lambda>":
        raise ValueError(
            "a checkpoint tells losses apart by their name; got a lambda. Write the loss as a "
            "function with def, or leave out checkpoint."
        )
    optimizer = adamw(model, learning_rate, weight_decay)
    config = configuration(
        model,
        batches,
        num_steps=num_steps,
        loss=name_of(loss_fn),
        learning_rate=learning_rate,
        lr_schedule=name_of(lr_schedule),
        weight_decay=weight_decay,
        grad_clip=grad_clip,
        ema=ema.decay if ema else None,
    )
    run = Run(model, optimizer, ema, config, Path(checkpoint) if checkpoint else None)
    if not restart:
        run.resume()
    done = len(run.history.loss)
    steps = train_steps(
        model,
        batches,
        loss_fn,
        num_steps=num_steps,
        optimizer=optimizer,
        lr_schedule=lr_schedule,
        grad_clip=grad_clip,
        ema=ema,
        first_step=done,
    )
    bar = tqdm(
        total=num_steps, initial=done, desc="training", unit="step", mininterval=0.5, leave=False
    )
    started, saved, before = time.perf_counter(), time.perf_counter(), run.history.seconds
    losses: list[Tensor] = []
    pressed: list[int] = []

    def press(signum: int, frame: Any) -> None:
        if pressed:
            raise KeyboardInterrupt("stopped inside a step; what was saved before stands.")
        pressed.append(signum)

    # An interrupt inside an optimizer step would leave half the weights updated, so the loop asks
    # for it between steps. Nothing stops a save: impatience must not cost the training.
    with bar, on_interrupt(press):
        for record in steps:
            losses.append(record.loss)
            if bar.update():  # true at most twice a second, so reading the loss costs no time
                bar.set_postfix(loss=f"{record.loss.item():.3f}", refresh=False)
            now = time.perf_counter()
            late = run.path is not None and now - saved > save_every
            if late or pressed:
                with on_interrupt(lambda signum, frame: pressed.append(signum)):
                    run.collect(losses, before + now - started)
                    run.save()
                saved = now
            if pressed and record.step < num_steps:  # a press in the last step has nothing to stop
                raise KeyboardInterrupt(run.farewell())
    run.collect(losses, before + time.perf_counter() - started)
    if done < num_steps:
        run.finish(keep)
    return run.history


def configuration(model: nn.Module, batches: Indexed, **recipe: Any) -> dict[str, Any]:
    """What a checkpoint must agree with, as a file gives it back.

    Raises:
        TypeError: a part of it cannot be written to a file; better now than at the first save.
    """
    kinds = dict.fromkeys(type(part).__name__ for part in model.modules())
    found = {
        "model": ", ".join(kinds),
        "parameters": sum(p.numel() for p in model.parameters()),
        "batches": {key: getattr(batches, key) for key in STREAM if hasattr(batches, key)},
        "data": summary(batches[0]),
    }
    config: Any = getattr(model, "config", {})
    own: dict[str, Any] = asdict(config) if not isinstance(config, dict) else config
    return json.loads(json.dumps({**found, **recipe, **own}))


def summary(batch: Any) -> list[Any]:
    """Shape, mean and spread of each tensor: other data shows, another rounding does not."""
    if isinstance(batch, tuple | list):
        return [entry for part in batch for entry in summary(part)]
    if not isinstance(batch, Tensor):
        return []
    numbers = batch.detach().float()
    spread = numbers.std(correction=0)
    return [[list(batch.shape), round(numbers.mean().item(), 2), round(spread.item(), 2)]]


def name_of(function: Callable[..., Any]) -> str:
    """What a checkpoint calls a function; an object without a name goes by its class."""
    return getattr(function, "__name__", type(function).__name__)


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
