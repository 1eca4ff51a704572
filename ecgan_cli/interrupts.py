"""Ctrl-C and SIGTERM end a job between two frames, not while a file or a thread is being opened.

An exception that arrives between "opened" and "noted down for closing" leaks what was opened: a half
file stays, or a thread keeps the process alive. So inside ``GracefulStop`` a signal is only noted,
and ``check`` raises it where the job is in order. If no check comes soon, or the user asks again, it
is raised wherever the program is.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, NoReturn, Self

from . import console

GRACE_S = 1.0
"""How long a signal waits for a check: longer than a frame, shorter than a user's patience."""


class Terminated(BaseException):
    """SIGTERM arrived. Not an Exception, so that only clean-up code sees it on its way out."""


def terminate(number: int, frame: FrameType | None) -> NoReturn:
    """Signal handler that raises ``Terminated``."""
    raise Terminated


@contextmanager
def warning_if_stopped(message: str) -> Iterator[None]:
    """Say how things stand when a signal ends the block. Put around whatever shows a bar."""
    try:
        yield
    except (KeyboardInterrupt, Terminated):
        console.warning(f"stopped; {message}")
        raise


class GracefulStop:
    """Holds signals back until ``check``; use as a context manager in the main thread.

    Args:
        grace_s: How long a signal waits for a check; 0 waits until the user asks again.
    """

    def __init__(self, grace_s: float = GRACE_S) -> None:
        self._grace_s = grace_s
        self._asked: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._note)
        if hasattr(signal, "SIGALRM"):
            self._before[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._waited)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._set_timer(0.0)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if error is None:
            self.check()

    def check(self) -> None:
        """Raise what was asked for, if anything.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed.
            Terminated: SIGTERM arrived.
        """
        if self._asked is None:
            return
        self._set_timer(0.0)
        if self._asked == signal.SIGINT:
            raise KeyboardInterrupt
        raise Terminated

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._asked is not None:
            self.check()
        self._asked = number
        self._set_timer(self._grace_s)

    def _waited(self, number: int, frame: FrameType | None) -> None:
        self.check()

    def _set_timer(self, seconds: float) -> None:
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, seconds)
