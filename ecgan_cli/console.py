"""Where words go: results to stdout, everything else to stderr. Loads Rich only to say something."""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecgan.engine.errors import EcganError, OptionError, OutputError, system_reason

if TYPE_CHECKING:
    from rich.console import Console

NAME = "ecgan"
FILE_WIDTH = 120
"""Columns of a table that goes to a file or a pipe."""

_logger = logging.getLogger(NAME)  # parent of ecgan.engine, ecgan.trainer, ecgan.benchmarks


@dataclass
class _Json:
    """What became of --json: whether it was given, and whether the document was printed."""

    is_wanted: bool = False
    is_told: bool = False


_json = _Json()


@functools.cache
def stderr() -> Console:
    """The console for log, progress and tables; obeys NO_COLOR."""
    from rich.console import Console

    width = None if sys.stderr.isatty() else FILE_WIDTH
    return Console(stderr=True, highlight=False, width=width)


def result(text: str) -> None:
    """Write one line of result to stdout."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write to stdout: {system_reason(error)}") from error


def json_result(document: Any) -> None:
    """Write the one JSON document of a run to stdout."""
    _json.is_told = True
    result(json.dumps(document, indent=2, ensure_ascii=False))


def outcome(failure: EcganError | None) -> dict[str, Any]:
    """The keys by which every JSON document says how a run ended."""
    return {
        "exit_code": 0 if failure is None else failure.exit_code,
        "error": None if failure is None else failure.message,
        "hint": None if failure is None else failure.hint,
    }


def json_failure(problem: EcganError) -> None:
    """Write the document of a run that ended before its own, where --json asks for one."""
    if _json.is_wanted and not _json.is_told:
        with contextlib.suppress(OutputError, BrokenPipeError):  # stderr says what went wrong
            json_result(outcome(problem))


def warning(message: str) -> None:
    """Tell the user about something that went otherwise than hoped; silent with -q."""
    _logger.warning("%s", message)


def note(message: str) -> None:
    """Tell the user about something worth knowing; silent with -q."""
    if not is_quiet():
        _say("note", "cyan", message)


def error(problem: EcganError) -> None:
    """Say what went wrong and, where known, what mends it."""
    _say("error", "bold red", problem.message)
    if problem.hint:
        _line("hint: ", "cyan", problem.hint)


class _Handler(logging.Handler):
    """Log records as lines on the console, so that they do not tear a progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        style = "yellow" if record.levelno == logging.WARNING else "bold red"
        if record.levelno < logging.WARNING:
            style = "dim"
        _say(record.levelname.lower(), style, self.format(record))


def _say(level: str, style: str, message: str) -> None:
    _line(f"{NAME}: {level}: ", style, message)


def _line(label: str, style: str, message: str) -> None:
    from rich.text import Text

    stderr().print(Text.assemble((label, style), message), soft_wrap=True)


def set_up() -> None:
    """Send the log to stderr and make names that a terminal cannot show printable."""
    _json.is_wanted = _json.is_told = False
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # the program was started with it closed
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115  until the program ends
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    logging.captureWarnings(True)  # what libraries warn of is for -v
    if not _logger.handlers:
        handler = _Handler()
        _logger.addHandler(handler)
        logging.getLogger("py.warnings").addHandler(handler)
    _set_level(logging.WARNING)


def _set_level(level: int) -> None:
    _logger.setLevel(level)
    logging.getLogger("py.warnings").setLevel(
        logging.DEBUG if level == logging.DEBUG else logging.ERROR
    )


def show_course() -> None:
    """Let a long command say how it goes, unless -v or -q was given."""
    if _logger.level == logging.WARNING:
        _set_level(logging.INFO)


def verbose_option(value: bool) -> bool:
    """What -v does."""
    return _level_option(value, logging.DEBUG)


def quiet_option(value: bool) -> bool:
    """What -q does."""
    return _level_option(value, logging.ERROR)


def json_option(value: bool) -> bool:
    """What --json does to errors."""
    _json.is_wanted = value
    return value


def _level_option(value: bool, level: int) -> bool:
    if value and _logger.level not in (logging.WARNING, level):
        _set_level(logging.WARNING)  # neither holds: no trace back for this
        raise OptionError("-v and -q cannot be given together")
    if value:
        _set_level(level)
    return value


def is_verbose() -> bool:
    """Whether -v was given."""
    return _logger.level == logging.DEBUG


def is_quiet() -> bool:
    """Whether -q was given."""
    return _logger.level == logging.ERROR
