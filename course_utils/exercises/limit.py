"""Ends a call that would not end by itself, in any thread and on every system."""

import ctypes
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
AGAIN = 0.1  # seconds until the next try: a bare ``except:`` may have swallowed the last one


class OutOfTime(BaseException):
    """The time is over. Not an Exception, so that ``except Exception`` in a loop lets it pass."""


def within(seconds: float | None, work: Callable[[], T]) -> T:
    """What ``work()`` returns, if it ends in time.

    A second thread lets the interpreter raise `OutOfTime` here. It comes between two steps of
    Python, so that one call which never leaves C, such as ``list(itertools.count())``, goes on.

    Args:
        seconds: on the clock; None waits for ever.
        work: called without arguments, in this thread.

    Raises:
        OutOfTime: the time was over; its traceback leads to the line that ran.
    """
    worker, ended = threading.get_ident(), threading.Event()

    def watch() -> None:
        pause = seconds
        while not ended.wait(pause):
            _raise_in(worker, OutOfTime)
            pause = AGAIN

    watcher = threading.Thread(target=watch, daemon=True)

    def stop() -> None:
        ended.set()
        watcher.join()
        _raise_in(worker, None)

    watcher.start()
    try:
        try:
            return work()
        finally:
            stop()
    except OutOfTime:  # which may have come in the middle of stop()
        stop()
        raise


def _raise_in(thread: int, kind: type[BaseException] | None) -> None:
    """Let a thread raise an exception as soon as it runs Python; None takes back one on its way."""
    exception = None if kind is None else ctypes.py_object(kind)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), exception)
