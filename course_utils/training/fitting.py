"""`fit`: the loop with a progress bar, that survives interruption."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from course_utils.records import TrainStep
from course_utils.training.average import EMA
from course_utils.training.checks import Indexed, batch_of, check_numbers, check_optimizer
from course_utils.training.history import History
from course_utils.training.identity import configuration
from course_utils.training.loop import own_random_numbers, step_seed, train_steps
from course_utils.training.optimizer import adamw
from course_utils.training.processes import Alone, Loss, require_accelerator
from course_utils.training.rates import warmup_cosine
from course_utils.training.run import Run

SAVE_EVERY = 30.0  # seconds


def fit(
    model: nn.Module,
    batches: Indexed,
    loss_fn: Loss,
    *,
    num_steps: int,
    optimizer: Optimizer | None = None,
    lr_schedule: Callable[[float], float] = warmup_cosine,
    ema: EMA | None = None,
    checkpoint: str | Path | None = None,
    restart: bool = False,
    accelerator: Any = None,
) -> History:
    """Train to the end with a progress bar; an interrupted run goes on from its checkpoint.

    Interrupting (the stop button, Ctrl-C) finishes the step, saves and raises KeyboardInterrupt.
    The next call with the same checkpoint continues; on a CPU it ends bit for bit where an
    uninterrupted run would. With more steps than before it goes on to the later end, and says what
    that means. A run that finished removes its checkpoint.

    Args:
        model: updated in place.
        batches: batches[k] is what step k trains on.
        loss_fn: loss_fn(model, batch) -> () loss to minimise.
        num_steps: where training ends.
        optimizer: made for this model, such as `muon(model, 0.02)`; `adamw(model)` if None.
        lr_schedule: progress in [0, 1) -> factor of the optimizer's learning rates.
        ema: average to keep up to date.
        checkpoint: file to save to and resume from; None for a run that need not survive.
        restart: ignore and replace an existing checkpoint.
        accelerator: an `accelerate.Accelerator`: bfloat16, compiling, gradient accumulation, and
            several processes under torchrun. batches[k] is then shared out, so that step k trains
            on the same examples whatever the number of processes. The model is where it says.

    Returns:
        `History` of the whole run, earlier sittings included.

    Raises:
        CheckpointError: the checkpoint is damaged or of another training.
        ValueError: an argument is outside its range; or with a checkpoint, this training cannot be
            told from another.
        FloatingPointError: the loss is not finite; see `train_steps`.
        KeyboardInterrupt: the run was interrupted, after saving.
    """
    optimizer = adamw(model) if optimizer is None else optimizer
    check_numbers(num_steps)
    check_optimizer(optimizer, model)
    if accelerator is not None:
        require_accelerator(accelerator)
    engine = Alone() if accelerator is None else accelerator
    config: dict[str, Any] = {"num_steps": num_steps}
    if checkpoint is not None:
        device = next(model.parameters()).device
        with own_random_numbers(step_seed(torch.initial_seed(), 0), device):
            first_batch = batch_of(batches, 0)  # as the first step draws it
        config = configuration(
            model,
            batches,
            first_batch,
            optimizer,
            {"loss": loss_fn, "lr_schedule": lr_schedule},
            num_steps=num_steps,
            ema=ema.decay if ema else None,
        )
    path = None if checkpoint is None else Path(checkpoint)
    run = Run(model, optimizer, ema, config, path, speaks=engine.is_main_process)
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
        ema=ema,
        accelerator=accelerator,
        first_step=done,
        seed=run.seed,
    )
    with closing(steps):  # so that the model is left in evaluation mode however this ends
        drain(steps, run, num_steps, engine)
    if done < num_steps:
        run.finish()
    return run.history


def drain(steps: Iterator[TrainStep], run: Run, num_steps: int, engine: Any) -> None:
    """Run all steps with a progress bar; save now and then, and when the stop button asks."""
    from tqdm.auto import tqdm  # imports the notebook's widgets; not needed by `train_steps`

    done, before, started = len(run.history.loss), run.history.seconds, time.perf_counter()
    style = {"desc": "training", "unit": "step", "mininterval": 0.5, "leave": False}
    hidden = {} if run.speaks else {"disable": True}  # else TQDM_DISABLE decides
    bar = tqdm(total=num_steps, initial=done, **style, **hidden)
    saved, button = started, StopButton()
    losses: list[Tensor] = []

    def save(now: float) -> None:
        with button.waits():
            run.collect(losses, before + now - started)
            run.save()

    with bar, on_interrupt(button):
        for record in steps:
            losses.append(record.loss)
            if bar.update():  # true at most twice a second, so reading the loss costs no time
                bar.set_postfix(loss=f"{record.loss.item():.3f}", refresh=False)
            now = time.perf_counter()
            late = run.path is not None and now - saved > SAVE_EVERY
            if late or button.pressed:
                save(now)
                saved = now
            if anywhere(button.pressed, engine) and record.step < num_steps:  # else all is done
                if saved != now:  # another process was asked
                    save(now)
                raise KeyboardInterrupt(run.farewell())
    run.collect(losses, before + time.perf_counter() - started)


def anywhere(pressed: bool, engine: Any) -> bool:
    """Whether one of the processes was asked to stop: all must stop after the same step."""
    if engine.num_processes == 1:
        return pressed
    return bool(engine.reduce(torch.tensor(float(pressed), device=engine.device), "sum"))


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
