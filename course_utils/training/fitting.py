"""`fit`: the loop with a progress bar, that survives interruption."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.optim import Optimizer

from course_utils.records import TrainStep
from course_utils.training.average import EMA
from course_utils.training.identity import Identity
from course_utils.training.loop import Indexed, Loss, check_parts, train_steps
from course_utils.training.optimizer import adamw
from course_utils.training.rates import RateSchedule, warmup_cosine
from course_utils.training.run import History, Run
from course_utils.training.stop import StopButton, stop_button

if TYPE_CHECKING:
    from accelerate import Accelerator

SAVE_EVERY = 30.0  # seconds between two saves


def fit(
    model: nn.Module,
    batches: Indexed,
    loss_fn: Loss,
    *,
    num_steps: int,
    optimizer: Optimizer | None = None,
    lr_schedule: RateSchedule = warmup_cosine,
    ema: EMA | None = None,
    checkpoint: str | Path | None = None,
    restart: bool = False,
    accelerator: Accelerator | None = None,
) -> History:
    """Train to the end with a progress bar; an interrupted run goes on from its checkpoint.

    Interrupting (the stop button, Ctrl-C) finishes the step, saves and raises KeyboardInterrupt.
    The next call with the same checkpoint continues; on a CPU it ends bit for bit where an
    uninterrupted run would. It must be the same training: same network, data, loss, optimizer and
    `torch.initial_seed()`; only num_steps may have grown. A run that finished removes its
    checkpoint. Torch's random state is afterwards what it was before.

    With an accelerator a step stays one batch: each process takes an equal share of it, and so does
    each accumulation. Start several processes with `torchrun`, all with the same seed. Process 0
    alone prints and writes, and Ctrl-C ends them at once: what was saved before stands.

    Args:
        model: updated in place.
        batches: batches[k] is what step k trains on.
        loss_fn: loss_fn(model, batch) -> () loss to minimise.
        num_steps: where training ends, at least 1.
        optimizer: one for this model, e.g. `muon(model, 0.02)`; `adamw(model)` if None. Its rates
            are the peaks of the schedule.
        lr_schedule: progress in [0, 1) -> factor of the learning rate.
        ema: average to keep up to date.
        checkpoint: file to save to and resume from; None for a run that need not survive.
        restart: ignore and replace an existing checkpoint.
        accelerator: an `accelerate.Accelerator`, for bfloat16, compiled kernels, accumulated
            gradients or several processes; model and batches are on its device.

    Returns:
        `History` of the whole run, earlier sittings included.

    Raises:
        CheckpointError: the checkpoint is damaged or of another training.
        ValueError: a setting is out of its range, parts do not fit together, or there is a
            checkpoint and the loss cannot be told from others.
        FloatingPointError: the loss, a gradient or a weight is not finite; see `train_steps`.
        KeyboardInterrupt: the run was interrupted, after saving.
    """
    optimizer = adamw(model) if optimizer is None else optimizer
    check_parts(model, batches, loss_fn, optimizer, num_steps)
    run = Run(model, optimizer, ema, num_steps)
    if accelerator is not None:
        run.is_main = accelerator.is_main_process
    if checkpoint is not None:
        run.path = Path(checkpoint)
        run.identity = Identity.of(model, batches, loss_fn, optimizer, lr_schedule, ema)
        if not restart:
            run.resume(lr_schedule)
    done = len(run.history.loss)
    steps = train_steps(
        model,
        batches,
        loss_fn,
        num_steps=num_steps,
        optimizer=optimizer,
        lr_schedule=lr_schedule,
        ema=ema,
        first_step=done,
        accelerator=accelerator,
    )
    alone = accelerator is None or accelerator.num_processes == 1
    with closing(steps), stop_button(listens=alone) as button:
        drain(steps, run, num_steps, button)
    if done < num_steps:
        run.finish()
    return run.history


def drain(steps: Iterator[TrainStep], run: Run, num_steps: int, button: StopButton) -> None:
    """Run all steps with a progress bar; save now and then, and when the stop button asks."""
    from tqdm.auto import tqdm  # imports the notebook's widgets; not needed by `train_steps`

    done, before, started = len(run.history.loss), run.history.seconds, time.perf_counter()
    quiet = {} if run.is_main else {"disable": True}
    bar = tqdm(
        total=num_steps,
        initial=done,
        desc="training",
        unit="step",
        mininterval=0.5,
        leave=False,
        **quiet,
    )
    saved = started
    losses: list[Tensor] = []
    with bar:
        for record in steps:
            losses.append(record.loss)
            if bar.update():  # true at most twice a second, so reading the loss costs no time
                bar.set_postfix(loss=f"{record.loss.item():.3f}", refresh=False)
            now = time.perf_counter()
            if button.pressed or now - saved > SAVE_EVERY:
                with button.waits():
                    run.collect(losses, before + now - started)
                    run.save()
                saved = now
            if button.pressed and record.step < num_steps:  # else nothing is left to stop
                raise KeyboardInterrupt(run.farewell())
    run.collect(losses, before + time.perf_counter() - started)
