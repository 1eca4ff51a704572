"""`ecgan doctor`: a report to paste, a document for machines, and an exit code to rely on."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from ecgan.engine.doctor import CHECKS, DEFAULT_PATH, Finding, Status, report
from ecgan_cli.main import run

from .conftest import SCRIPT, environment


def doctor(monkeypatch: pytest.MonkeyPatch, *arguments: str, **results: list[Finding]) -> int:
    """The command in this process, on findings that are made up."""
    found = {name.replace("_", " "): findings for name, findings in results.items()}
    monkeypatch.setattr(report, "examine", lambda: iter(found.items()))
    monkeypatch.setattr("sys.argv", ["ecgan", "doctor", *arguments])
    return run()


@pytest.mark.slow
def test_the_real_report_tells_nothing_private(tmp_path: Path) -> None:
    home = tmp_path / "mary poppins"
    home.mkdir()
    private = {"HOME": str(home), "USER": "mpoppins", "LOGNAME": "mpoppins"}
    done = subprocess.run(
        [SCRIPT, "doctor", "--json"],
        capture_output=True,
        encoding="utf-8",
        env=environment() | private,
        cwd=home,
        timeout=300,
        check=False,
    )
    told = json.loads(done.stdout)
    assert (done.returncode, told["exit_code"], told["works"]) == (0, 0, True)
    assert list(told["checks"]) == list(CHECKS)
    assert all(told["checks"][name] for name in ("packages", "onnxruntime", "models"))
    [path] = told["checks"][DEFAULT_PATH]
    assert path["status"] == "ok"
    everything = done.stdout + done.stderr
    for secret in ("poppins", str(tmp_path), str(Path(SCRIPT).parent), os.uname().nodename):
        assert secret not in everything


def test_findings_are_printed_with_their_commands(monkeypatch, capsys) -> None:
    absent = Finding("openvino", Status.ABSENT, "not installed", "pip install 'ecgan[openvino]'")
    fine = Finding("default path", Status.OK, "a portrait was unmasked")
    assert doctor(monkeypatch, openvino=[absent], default_path=[fine]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("ecgan ")
    assert told[1].split(maxsplit=2) == ["no", "openvino", "not installed"]
    assert told[2].strip() == "-> pip install 'ecgan[openvino]'"
    assert told[3].startswith("ok")


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_the_exit_code_is_that_of_the_default_path(monkeypatch, capsys, arguments) -> None:
    changed = Finding("default path", Status.PROBLEM, "segmenter changed", "restore it", 5)
    assert doctor(monkeypatch, *arguments, default_path=[changed]) == 5
    told = capsys.readouterr()
    assert "ecgan: error: ecgan unmask does not work here: segmenter changed" in told.err
    assert "hint: restore it" in told.err
    if arguments:
        assert json.loads(told.out)["exit_code"] == 5


def test_a_problem_elsewhere_is_no_failure(monkeypatch, capsys) -> None:
    broken = Finding("torch", Status.PROBLEM, "the process was ended by SIGSEGV", None, 6)
    fine = Finding("default path", Status.OK, "a portrait was unmasked")
    assert doctor(monkeypatch, torch=[broken], default_path=[fine]) == 0
    assert "SIGSEGV" in capsys.readouterr().out
