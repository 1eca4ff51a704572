"""Every error keeps the exit code that scripts rely on, and is one of Python's own too."""

from __future__ import annotations

import pytest

from ecgan.engine import errors
from ecgan.engine.errors import EcganError, InternalError

CODES = {
    "EcganError": 6,
    "PartialFailure": 1,
    "OptionError": 2,
    "InputError": 3,
    "MediaError": 3,
    "NoFaceError": 3,
    "DatasetError": 3,
    "ConfigError": 3,
    "OutputError": 3,
    "BackendUnavailable": 4,
    "ModelMissing": 4,
    "ModelMismatch": 5,
    "ParityError": 6,
    "BuildFailed": 6,
    "OutOfMemory": 6,
    "Diverged": 6,
    "InternalError": 70,
}
BUILTINS = {
    "OptionError": ValueError,
    "MediaError": ValueError,
    "OutputError": OSError,
    "BackendUnavailable": ImportError,
    "ModelMissing": FileNotFoundError,
    "ModelMismatch": RuntimeError,
}


def classes() -> dict[str, type[EcganError]]:
    found = {name: value for name, value in vars(errors).items() if isinstance(value, type)}
    return {name: value for name, value in found.items() if issubclass(value, EcganError)}


def test_exit_codes() -> None:
    assert {name: value.exit_code for name, value in classes().items()} == CODES


@pytest.mark.parametrize(("name", "builtin"), BUILTINS.items())
def test_each_is_the_nearest_builtin_and_says_only_its_message(
    name: str, builtin: type[Exception]
) -> None:
    problem = classes()[name]("no file 'x'", hint="look again")
    assert isinstance(problem, builtin)
    assert (str(problem), problem.hint) == ("no file 'x'", "look again")


def test_a_bug_is_told_on_one_line() -> None:
    problem = InternalError(KeyError("a\nb"))
    assert problem.message == r"internal error: KeyError: 'a\nb'"
    assert "\n" not in InternalError(ValueError("a\n  b")).message
