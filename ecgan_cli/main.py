"""The `ecgan` program: commands in, exit codes out."""

from __future__ import annotations

import importlib
import inspect
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Annotated

import typer

from ecgan.engine.errors import EcganError, InternalError, out_of_memory

from . import console
from .commands import COMMANDS
from .interrupts import Terminated, terminate

EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


def _print_version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        console.result(f"ecgan {version('ecgan')}")
        raise typer.Exit


def _program(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Take face masks off photos and videos, with the expression you ask for.

    The lower face is invented to fit what is visible. It is not what the person looks like.
    """


def build_app() -> typer.Typer:
    """The command line with every command of the registry."""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(help=_paragraphs(_program))(_program)
    for name, module in COMMANDS.items():
        command = importlib.import_module(module).command
        app.command(name, help=_paragraphs(command))(command)
    return app


def _paragraphs(command: Callable[..., None]) -> str:
    """The docstring with each paragraph on one line, to be wrapped anew at the terminal's width."""
    paragraphs = (inspect.getdoc(command) or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def run() -> int:
    """Run the command line of ``sys.argv`` and return the exit code."""
    console.set_up()
    signal.signal(signal.SIGTERM, terminate)
    try:
        build_app()(prog_name="ecgan")
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    except Terminated:
        return EXIT_TERMINATED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except EcganError as problem:
        return _fail(problem)
    except MemoryError:
        return _fail(out_of_memory())
    except Exception as bug:  # noqa: BLE001  the last resort: any other exception is a bug
        return _fail(InternalError(bug))
    return 0


def _fail(problem: EcganError) -> int:
    """Say it where people and programs look, with the trace back of the exception being handled where -v asks for it."""
    if console.is_verbose():
        traceback.print_exc()
    console.json_failure(problem)
    console.error(problem)
    return problem.exit_code


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run())


if __name__ == "__main__":
    main()
