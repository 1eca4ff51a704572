"""Runs one check in a process of its own: ``python -m ecgan.engine.doctor.child MODULE:FUNCTION``.

A library that crashes or hangs then spoils its own line of the report and no other; and those that
do not bear each other in one process never meet.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
from typing import Any

from ..errors import BackendUnavailable, EcganError, one_line
from .base import Finding, Status, failed

TIMEOUT_S = 120.0
_MARK = "ecgan-findings:"


def run_apart(name: str, target: str, timeout_s: float = TIMEOUT_S) -> list[Finding]:
    """Run a check in a new process.

    Args:
        name: The check's, for the finding about a check that does not come to its end.
        target: ``"package.module:function"``.
        timeout_s: How long it may take.

    Returns:
        What it found.
    """
    command = [sys.executable, "-P", "-m", __name__, name, target]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return [Finding(name, Status.PROBLEM, f"no answer within {timeout_s:.0f} s", exit_code=6)]
    for line in done.stdout.splitlines():
        if line.startswith(_MARK):
            return [_finding(row) for row in json.loads(line.removeprefix(_MARK))]
    return [Finding(name, Status.PROBLEM, _end(done), exit_code=6)]


def _finding(row: dict[str, Any]) -> Finding:
    return Finding(**{**row, "status": Status(row["status"])})


def _end(done: subprocess.CompletedProcess[str]) -> str:
    """How a process ended that said nothing."""
    if done.returncode < 0:
        return f"the process was ended by {signal.Signals(-done.returncode).name}"
    said = done.stderr.strip().splitlines()
    return f"the process ended with code {done.returncode}: {said[-1] if said else 'no word'}"


def _check(name: str, target: str) -> list[Finding]:
    module, _, function = target.partition(":")
    try:
        findings: list[Finding] = getattr(importlib.import_module(module), function)()
    except EcganError as error:
        return [failed(name, error)]
    except ImportError as error:
        text = f"cannot be imported: {one_line(error)}"
        return [Finding(name, Status.PROBLEM, text, exit_code=BackendUnavailable.exit_code)]
    except Exception as bug:  # noqa: BLE001  a broken library raises anything; the others still count
        text = one_line(f"{type(bug).__name__}: {bug}")
        return [Finding(name, Status.PROBLEM, text, exit_code=70)]
    return findings


def main() -> None:
    """Print what the named check finds, as one line of JSON behind a mark."""
    name, target = sys.argv[1:]
    with contextlib.redirect_stdout(sys.stderr):
        findings = _check(name, target)
    rows = json.dumps([finding.to_dict() for finding in findings])
    sys.stdout.write(f"\n{_MARK}{rows}\n")
    sys.stdout.flush()
    os._exit(0)  # what was found is said: a library that crashes at its end must not take it back


if __name__ == "__main__":
    main()
