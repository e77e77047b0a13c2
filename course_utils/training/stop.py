"""The stop button, heard between two steps."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


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
def stop_button(listens: bool = True) -> Iterator[StopButton]:
    """A stop button that answers Ctrl-C inside the block, in the main thread only.

    Args:
        listens: False leaves Ctrl-C as it is.
    """
    button = StopButton()
    if not listens or threading.current_thread() is not threading.main_thread():
        yield button
        return
    previous = signal.signal(signal.SIGINT, button)
    try:
        yield button
    finally:
        signal.signal(signal.SIGINT, previous)
