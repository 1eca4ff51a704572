"""Runs the checks and puts what they find into words."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Any

from . import CHECKS, DEFAULT_PATH
from .base import Finding, Status
from .child import run_apart
from .private import anonymous

_SUBJECT_WIDTH = 20


def examine(targets: Mapping[str, str] | None = None) -> Iterator[tuple[str, list[Finding]]]:
    """Run checks, several at a time.

    Args:
        targets: Name -> ``"package.module:function"``; None for all of ``CHECKS``.

    Yields:
        Name and findings of each check in their order, free of what is private.
    """
    wanted = {name: CHECKS.target(name) for name in CHECKS} if targets is None else targets
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        runs = [(name, pool.submit(run_apart, name, target)) for name, target in wanted.items()]
        for name, run in runs:
            yield name, [anonymous(finding) for finding in run.result()]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # who stops it does not wait for the rest


def exit_code(results: Mapping[str, list[Finding]]) -> int:
    """0 where the default path works, else that of its error."""
    codes = [one.exit_code for one in results[DEFAULT_PATH] if one.status is Status.PROBLEM]
    return max(codes, default=0)


def heading() -> str:
    """The report's first line."""
    return f"ecgan {version('ecgan')}"


def lines(findings: Iterable[Finding]) -> Iterator[str]:
    """Findings as plain text, to be read and pasted."""
    for finding in findings:
        yield f"{finding.status:5} {finding.subject:{_SUBJECT_WIDTH}} {finding.text}"
        if finding.command is not None:
            yield f"{'':5} {'':{_SUBJECT_WIDTH}} -> {finding.command}"


def document(results: Mapping[str, list[Finding]]) -> dict[str, Any]:
    """All findings for machines."""
    code = exit_code(results)
    return {
        "ecgan": version("ecgan"),
        "exit_code": code,
        "works": code == 0,
        "checks": {name: [one.to_dict() for one in found] for name, found in results.items()},
    }
