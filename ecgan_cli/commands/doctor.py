"""`ecgan doctor`: what works on this machine, and what mends the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from ecgan.engine.errors import EcganError

from .. import console, options

if TYPE_CHECKING:
    from ecgan.engine.doctor import Finding


def command(as_json: options.Json = False) -> None:
    """Say what works on this machine, what does not, why, and the command that mends it.

    Checks Python, packages, GPU, every runtime, codecs and model files, and unmasks a small portrait
    as ecgan unmask does by default; the exit code is 0 only where that works. The report holds no
    names of folders, users or machines: paste it into a bug report as it is.
    """
    from ecgan.engine.doctor import DEFAULT_PATH
    from ecgan.engine.doctor.report import document, examine, exit_code, heading, lines

    results: dict[str, list[Finding]] = {}
    if not as_json:
        console.result(heading())
    with console.stderr().status("checking"):
        for name, findings in examine():
            results[name] = findings
            if not as_json:
                for line in lines(findings):
                    console.result(line)
    if as_json:
        console.json_result(document(results))
    code = exit_code(results)
    if code:
        worst = next(one for one in results[DEFAULT_PATH] if one.exit_code == code)
        console.error(EcganError(f"ecgan unmask does not work here: {worst.text}", worst.command))
        raise typer.Exit(code)
