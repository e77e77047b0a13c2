"""Ends a call that would not end by itself, in any thread and on every system."""

import ctypes
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
AGAIN = 0.2  # seconds until the next try: a bare ``except:`` may have swallowed the last one


class OutOfTime(BaseException):
    """The time is over. Not an Exception, so that ``except Exception`` in a loop lets it pass."""


def within(seconds: float | None, work: Callable[[], T]) -> T:
    """What ``work()`` returns, if it ends in time.

    A second thread lets the interpreter raise `OutOfTime` here. It comes between two steps of
    Python, so that one call which never leaves C, such as ``list(itertools.count())``, goes on.

    Args:
        seconds: on the clock; None sets no limit.
        work: called without arguments, in this thread.

    Raises:
        OutOfTime: the time was over; its traceback leads to the line that ran.
    """
    if seconds is None:
        return work()
    worker, ended = threading.get_ident(), threading.Event()
    # Bare locks: the exception comes before or after such a call, never in the middle.
    begun, may_raise = threading.Lock(), threading.Lock()

    def watch() -> None:
        pause = seconds
        begun.acquire()
        while not ended.wait(pause) and may_raise.acquire(blocking=False):
            _raise_in(worker, OutOfTime)
            may_raise.release()
            pause = AGAIN

    def close() -> None:
        may_raise.acquire(timeout=AGAIN)  # and keep it; a second close() may have it already
        _raise_in(worker, None)  # from here on nothing comes any more
        ended.set()

    begun.acquire()
    threading.Thread(target=watch, daemon=True).start()
    try:
        try:
            begun.release()
            return work()
        finally:
            close()
    except OutOfTime:
        if not ended.is_set():  # it came in the middle of close()
            close()
        raise


def _raise_in(thread: int, kind: type[BaseException] | None) -> None:
    """Let a thread raise an exception as soon as it runs Python; None takes back one on its way."""
    exception = None if kind is None else ctypes.py_object(kind)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), exception)
