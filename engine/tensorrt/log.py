"""What TensorRT says: it seldom raises, so the reason of a failure is only in its log.

A process has one log for each flavour. TensorRT keeps the first it is given for as long as
anything lives that was made with it, and goes on talking to that one whatever it is given later.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..errors import one_line
from .flavour import Flavour

_log = logging.getLogger(__name__)

_ECHO = "catchCudaError"
"""Marks lines that follow every error where no driver is; they hide the one that matters."""


@dataclass(eq=False)  # a listener is itself, whatever it has heard
class Lines:
    """What was said while it was listened to, in order, each on one line.

    Attributes:
        errors: Errors, without those that only echo another.
        warnings: Warnings.
    """

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


_listeners: list[Lines] = []


@functools.cache
def shared_log(flavour: Flavour) -> Any:
    """The ``ILogger`` to hand to whatever of TensorRT asks for one."""
    severity = flavour.module.ILogger.Severity

    class Log(flavour.module.ILogger):  # type: ignore[name-defined]
        """Tells those who listen, and passes all but the flood of details on to our log."""

        def log(self, level: Any, message: str) -> None:
            line = without_echo(message)
            for lines in _listeners:
                if level in (severity.INTERNAL_ERROR, severity.ERROR) and line:
                    lines.errors.append(line)
                elif level == severity.WARNING:
                    lines.warnings.append(line)
            if level != severity.VERBOSE:
                _log.debug("%s: %s", flavour.name, " ".join(message.split()))

    return Log()


def without_echo(message: str) -> str:
    """A message on one line, without those of its lines that only echo an error."""
    kept = [line for line in message.splitlines() if _ECHO not in line]
    return one_line(" ".join(kept))


@contextmanager
def listening() -> Iterator[Lines]:
    """Collect what TensorRT says within the block, from whichever thread."""
    lines = Lines()
    _listeners.append(lines)
    try:
        yield lines
    finally:
        _listeners.remove(lines)
