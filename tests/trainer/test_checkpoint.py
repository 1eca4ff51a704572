"""Checkpoints are whole or not there, and never run code."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from ecgan.engine.errors import ModelMismatch, ModelMissing, OutputError
from ecgan.trainer.checkpoint import load_checkpoint, save_checkpoint, small_checkpoint


def test_a_state_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "last.pt"
    save_checkpoint(path, {"weights": {"w": torch.arange(3)}, "seen": 5})
    state = load_checkpoint(path)
    assert state["seen"] == 5
    assert torch.equal(state["weights"]["w"], torch.arange(3))
    assert [f.name for f in path.parent.iterdir()] == ["last.pt"]


def test_a_full_disk_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "last.pt"
    save_checkpoint(path, {"seen": 1})

    def full(state: object, handle: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OutputError, match="No space left"):
        save_checkpoint(path, {"seen": 2})
    assert load_checkpoint(path)["seen"] == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_missing_and_foreign_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="does not exist"):
        load_checkpoint(tmp_path / "gone.pt")
    foreign = tmp_path / "foreign.pt"
    foreign.write_bytes(pickle.dumps(print))
    with pytest.raises(ModelMismatch, match="is not a checkpoint"):
        load_checkpoint(foreign)


def test_a_small_checkpoint_keeps_what_a_start_needs() -> None:
    state = {
        "ema": {"w": torch.ones(2, 2), "var": torch.tensor([1e-9]), "steps": torch.tensor(3)},
        "generator": {"w": torch.tensor([5.0])},
        "config": {"size": 64},
        "seen": 7,
    }
    small = small_checkpoint(state)
    assert small.keys() == {"ema", "config", "seen"}
    assert small["ema"]["w"].dtype == torch.float16
    assert small["ema"]["var"] == torch.tensor([1e-9])
    assert small["ema"]["steps"] == 3
    assert small["config"] == {"size": 64}
