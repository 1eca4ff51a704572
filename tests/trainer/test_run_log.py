"""What a run writes down about itself."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path

import pytest

from ecgan.trainer.run_log import RunLog


def test_lines_hold_means_since_the_line_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    log = RunLog(tmp_path / "run", 100, every=30.0)
    with caplog.at_level(logging.INFO):
        log.add(4, {"l1": 3.0, "g": 1.0})
        log.write(4, {"val_psnr": 20.123456789})
        now = 40.0
        log.add(12, {"l1": 1.0})
        now = 60.0
        log.add(16, {"l1": 9.0})
    lines = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"seen": 4, "val_psnr": 20.12346},
        {"seen": 12, "samples_per_s": 0.2, "l1": 2.0, "g": 1.0},
    ]
    assert "12 of 100" in caplog.text
