"""Every error a user can meet, each with its exit code and, where one exists, the command that mends it.

Each class also inherits the nearest builtin, so library users can catch ``ValueError`` or
``OSError`` without knowing this module. Messages are one line, lower case, with the value quoted.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def one_line(error: object) -> str:
    """The text of an error of a library, whose messages often have several lines."""
    return " ".join(str(error).split())


def system_reason(error: OSError) -> str:
    """What the system says of a failure, in lower case as messages are."""
    return (error.strerror or str(error)).lower()


def did_you_mean(word: str, choices: Iterable[str]) -> str | None:
    """The hint for a name that is not known; None where no choice is near."""
    near = difflib.get_close_matches(word, list(choices), n=1)
    return f"did you mean '{near[0]}'?" if near else None


class EcganError(Exception):
    """Base of all errors with a message made for the user.

    Args:
        message: One line: what went wrong, with the value, and what was expected.
        hint: One line that mends it, usually a command; None where there is none.
    """

    exit_code = 6

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class PartialFailure(EcganError):
    """Some files of a batch failed; the others are written."""

    exit_code = 1


class OptionError(EcganError, ValueError):
    """An option has a wrong value, or two options clash."""

    exit_code = 2


class InputError(EcganError, ValueError):
    """The user's file or data cannot be used."""

    exit_code = 3


class MediaError(InputError):
    """A picture or video cannot be read."""


class NoFaceError(InputError):
    """A single still shows no face."""


class DatasetError(InputError):
    """A data set is missing something or holds something broken."""


class ConfigError(InputError):
    """A configuration file has an unknown key or a wrong value."""


class OutputError(EcganError, OSError):
    """The result cannot be written: folder, disk, or output equal to input."""

    exit_code = 3


class BackendUnavailable(EcganError, ImportError):
    """A library or device that was asked for is not there."""

    exit_code = 4


class ModelMissing(EcganError, FileNotFoundError):
    """A model file is not where it should be."""

    exit_code = 4


class ModelMismatch(EcganError, RuntimeError):
    """A model file is present but not usable here: hash, manifest, or contract."""

    exit_code = 5


class ParityError(EcganError, RuntimeError):
    """Two runtimes disagree by more than the stated tolerance."""


class BuildFailed(EcganError, RuntimeError):
    """An engine could not be built from a model file."""


class OutOfMemory(EcganError, RuntimeError):
    """Memory ran out; the hint says what to lower."""


def out_of_memory() -> OutOfMemory:
    """The message for a ``MemoryError``."""
    return OutOfMemory("memory ran out", hint="close other programs, or take a smaller picture")


class Diverged(EcganError, RuntimeError):
    """Training produced a value that is not finite."""


class InternalError(EcganError):
    """A bug: an exception that nobody made a message for.

    Args:
        bug: The exception.
    """

    exit_code = 70

    def __init__(self, bug: BaseException) -> None:
        super().__init__(
            one_line(f"internal error: {type(bug).__name__}: {bug}"),
            hint="this is a bug: run again with -v and report what it prints",
        )
