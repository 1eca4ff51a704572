"""Several processes on the CPU train as one, and devices that are not there are said so."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from ecgan.engine.errors import BackendUnavailable, ConfigError
from ecgan.trainer.config import LoopConfig
from ecgan.trainer.processes import launch

SCRIPT = Path(__file__).parent / "two_processes.py"


def found(folder: Path, data: Path, processes: int) -> dict[str, Any]:
    folder.mkdir()
    command = [sys.executable, SCRIPT, folder, data, str(processes)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    read: dict[str, Any] = json.loads((folder / "found.json").read_text())
    return read


@pytest.mark.slow
def test_two_processes_have_the_losses_of_one(faces_folder: Path, tmp_path: Path) -> None:
    one, two = (found(tmp_path / str(n), faces_folder, n) for n in (1, 2))
    assert len(one["steps"]) == 7
    for mine, other in zip(one["steps"], two["steps"], strict=True):
        # float32 sums in another order: 1e-7 a step, and six steps of Adam
        assert other == pytest.approx(mine, rel=1e-5, abs=1e-6)
    assert one["steps"][0]["l1"] != pytest.approx(one["steps"][5]["l1"], rel=0.05)  # it did learn
    assert two["resumed"]
    assert two["alike"] == [True, True]


def test_a_batch_that_cannot_be_shared_is_refused() -> None:
    with pytest.raises(ConfigError, match="batch '5' cannot be shared among 2 processes"):
        launch(LoopConfig(batch=5, devices=2, device="cpu"))


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BackendUnavailable, match="torch finds 0") as caught:
        launch(LoopConfig(device="cuda"))
    assert "--device cpu" in str(caught.value.hint)
    assert launch(LoopConfig(device="auto", threads=0)).device.type == "cpu"
