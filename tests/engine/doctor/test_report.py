"""Checks run apart: one that crashes, hangs or chatters spoils no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecgan.engine.doctor import DEFAULT_PATH, Finding, Status
from ecgan.engine.doctor.child import run_apart
from ecgan.engine.doctor.report import document, examine, exit_code, lines

CHECKS = """
import os, sys, time
from ecgan.engine.doctor import Finding, Status
from ecgan.engine.errors import ModelMismatch

def fine():
    print("chatter")
    os.write(1, b"more chatter without an end of line")
    return [Finding("fine", Status.OK, "1.0", "none needed", 0)]

def crash():
    os.kill(os.getpid(), 11)

def quit_silently():
    sys.stderr.write("first\\nlast words\\n")
    sys.stderr.flush()
    os._exit(3)

def hang():
    time.sleep(60)

def damaged():
    raise ModelMismatch("file is damaged", hint="restore it")

def lacking():
    import no_such_module

def bug():
    return 1 / 0
"""


@pytest.fixture
def checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "made_up_checks.py").write_text(CHECKS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("fine", Finding("fine", Status.OK, "1.0", "none needed", 0)),
        ("crash", Finding("x", Status.PROBLEM, "the process was ended by SIGSEGV", None, 6)),
        (
            "quit_silently",
            Finding("x", Status.PROBLEM, "the process ended with code 3: last words", None, 6),
        ),
        ("damaged", Finding("x", Status.PROBLEM, "file is damaged", "restore it", 5)),
        (
            "lacking",
            Finding(
                "x", Status.PROBLEM, "cannot be imported: No module named 'no_such_module'", None, 4
            ),
        ),
        ("bug", Finding("x", Status.PROBLEM, "ZeroDivisionError: division by zero", None, 70)),
    ],
)
@pytest.mark.usefixtures("checks")
def test_whatever_a_check_does_becomes_a_finding(function: str, expected: Finding) -> None:
    assert run_apart("x", f"made_up_checks:{function}") == [expected]


@pytest.mark.usefixtures("checks")
def test_a_check_that_hangs_is_ended() -> None:
    [found] = run_apart("x", "made_up_checks:hang", timeout_s=1.5)
    assert (found.status, found.exit_code) == (Status.PROBLEM, 6)
    assert "no answer within 2 s" in found.text


@pytest.mark.usefixtures("checks")
def test_checks_come_in_their_order_and_decide_by_the_default_path() -> None:
    results = dict(examine({"bug": "made_up_checks:bug", DEFAULT_PATH: "made_up_checks:fine"}))
    assert list(results) == ["bug", DEFAULT_PATH]
    assert exit_code(results) == 0
    told = document(results)
    assert (told["works"], told["exit_code"]) == (True, 0)
    assert told["checks"]["bug"] == [
        {
            "subject": "bug",
            "status": "FAIL",
            "text": "ZeroDivisionError: division by zero",
            "command": None,
            "exit_code": 70,
        }
    ]


def test_a_default_path_that_fails_gives_its_exit_code() -> None:
    results = {DEFAULT_PATH: [Finding("x", Status.PROBLEM, "damaged", None, 5)]}
    assert exit_code(results) == 5
    assert document(results)["works"] is False


def test_findings_as_text_have_their_command_below() -> None:
    told = list(lines([Finding("av", Status.ABSENT, "not installed", "pip install av")]))
    assert told[0].split() == ["no", "av", "not", "installed"]
    assert told[1].split() == ["->", "pip", "install", "av"]
