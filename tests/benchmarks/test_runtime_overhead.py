"""The runtime's own cost stays within its limit; and the measure measures."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from ecgan.benchmarks import runtime_overhead
from ecgan.benchmarks.runtime_overhead import LIMIT_MS, main, measure
from ecgan.engine.backends.tensorrt import TensorRtBackend


def test_the_limit_is_kept(model_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--models", str(model_folder), "--frames", "300", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["frames"] == 300
    assert 0 < found["own_ms"] < LIMIT_MS
    assert found["total_ms"] == pytest.approx(found["own_ms"] + found["copies_ms"])


def test_time_that_is_spent_is_seen(model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    submit = TensorRtBackend.submit

    def slow(self: TensorRtBackend, feeds: object) -> object:
        end = time.thread_time() + 2e-3
        while time.thread_time() < end:
            pass
        return submit(self, feeds)  # type: ignore[arg-type]

    monkeypatch.setattr(TensorRtBackend, "submit", slow)
    assert measure(model_folder, 20).own_ms > 4
    monkeypatch.setattr(runtime_overhead, "measure", lambda *_: measure(model_folder, 5))
    assert main([]) == 1
