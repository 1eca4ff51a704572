"""What a run writes down about itself."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ecgan.trainer.run_log import RunLog


def test_lines_hold_means_since_the_line_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    log = RunLog(tmp_path / "run", 100, every=30.0)
    with caplog.at_level(logging.INFO):
        log.add(4, {"l1": 3.0, "g": 1.0})
        now = 40.0
        log.add(12, {"l1": 1.0})
        log.add(16, {"l1": 9.0})
        log.write(16, {"val_psnr": 20.123456789})
        now = 75.0
        log.add(20, {"l1": 2.0})
    log.close()
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"seen": 12, "samples_per_s": 0.3, "l1": 2.0, "g": 1.0},
        {"seen": 16, "val_psnr": 20.12346, "l1": 9.0},
        {"seen": 20, "samples_per_s": 0.11429, "l1": 2.0},
    ]
    assert "12 of 100" in caplog.text


def test_figures_and_pictures_reach_tensorboard(tmp_path: Path) -> None:
    log = RunLog(tmp_path, 100)
    log.write(8, {"val_psnr": 20.5})
    log.show(8, [[np.full((4, 4, 3), 200, np.uint8)] * 3] * 2)
    log.close()
    board = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(e.step, e.value) for e in board.Scalars("val_psnr")] == [(8, 20.5)]
    [image] = board.Images("samples")
    assert (image.step, image.height, image.width) == (8, 8, 12)


def test_figures_that_cannot_be_written_do_not_end_a_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "run").write_text("a file, where the folder should be")
    log = RunLog(tmp_path / "run", 100)
    log.write(8, {"l1": 1.0})
    log.write(9, {"l1": 1.0})
    log.close()
    assert caplog.text.count("cannot be written") == 1
