"""Checkpoints are whole or not there, come back as they were, and never run code."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import safetensors.torch
import torch

from ecgan.engine.errors import ModelMismatch, ModelMissing, OutputError
from ecgan.trainer.checkpoint import (
    find_checkpoint,
    load_checkpoint,
    save_checkpoint,
    small_checkpoint,
)


def test_a_state_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "1.safetensors"
    wide = torch.arange(24.0).reshape(1, 2, 3, 4).contiguous(memory_format=torch.channels_last)
    state = {
        "weights": {"a/b": torch.arange(3), "wide": wide, "half": torch.ones(2).half()},
        "groups": [{"lr": 1e-300, "betas": (0.5, 0.99)}, torch.tensor(7)],
        "config": {"name": "x", "widths": [1, 2], "on": True, "none": None},
        "seen": 5,
    }
    save_checkpoint(path, state)
    found = load_checkpoint(path)
    assert found["seen"] == 5
    assert found["config"] == state["config"]
    assert found["groups"][0] == {"lr": 1e-300, "betas": [0.5, 0.99]}
    assert int(found["groups"][1]) == 7
    for name, value in state["weights"].items():  # type: ignore[attr-defined]
        assert torch.equal(found["weights"][name], value)
        assert found["weights"][name].dtype == value.dtype
    assert [f.name for f in path.parent.iterdir()] == ["1.safetensors"]


def test_what_torch_wrote_is_read_too(tmp_path: Path) -> None:
    torch.save({"ema": {"w": torch.ones(2)}, "seen": 3}, tmp_path / "old.pt")
    assert load_checkpoint(tmp_path / "old.pt")["seen"] == 3
    safetensors.torch.save_file({"w": torch.ones(2)}, tmp_path / "plain.safetensors")
    assert torch.equal(load_checkpoint(tmp_path / "plain.safetensors")["w"], torch.ones(2))


def test_a_run_s_folder_stands_for_its_newest_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="has no checkpoint"):
        find_checkpoint(tmp_path)
    save_checkpoint(tmp_path / "checkpoints" / "last.pt", {"seen": 1})
    assert load_checkpoint(tmp_path)["seen"] == 1
    for seen in (900, 12000):
        save_checkpoint(tmp_path / "checkpoints" / f"{seen:09d}.safetensors", {"seen": seen})
    save_checkpoint(tmp_path / "checkpoints" / "best.safetensors", {"seen": 900})
    assert load_checkpoint(tmp_path)["seen"] == 12000


def test_a_failing_write_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, {"seen": 1})

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(OutputError, match="No space left"):
        save_checkpoint(path, {"seen": 2})
    monkeypatch.undo()
    assert load_checkpoint(path)["seen"] == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_missing_foreign_and_damaged_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="does not exist"):
        load_checkpoint(tmp_path / "gone.pt")
    foreign = tmp_path / "foreign.pt"
    foreign.write_bytes(pickle.dumps(print))
    torch.save(print, tmp_path / "code.pt")
    save_checkpoint(tmp_path / "cut.safetensors", {"w": torch.ones(1000)})
    cut = (tmp_path / "cut.safetensors").read_bytes()[:2000]
    (tmp_path / "cut.safetensors").write_bytes(cut)
    for name in ("foreign.pt", "code.pt", "cut.safetensors"):
        with pytest.raises(ModelMismatch, match="is not a checkpoint"):
            load_checkpoint(tmp_path / name)


def test_a_small_checkpoint_keeps_what_a_start_needs() -> None:
    state = {
        "network": "ecgan-fast",
        "ema": {"w": torch.ones(2, 2), "var": torch.tensor([1e-9]), "steps": torch.tensor(3)},
        "generator": {"w": torch.tensor([5.0])},
        "config": {"size": 64},
        "seen": 7,
    }
    small = small_checkpoint(state)
    assert small.keys() == {"network", "ema", "config", "seen"}
    assert small["ema"]["w"].dtype == torch.float16
    assert small["ema"]["var"] == torch.tensor([1e-9])
    assert small["ema"]["steps"] == 3
    assert small["config"] == {"size": 64}


def test_files_that_torch_wrote_still_load(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints" / "last.pt"
    path.parent.mkdir()
    torch.save({"ema": {"w": torch.arange(3)}, "config": {"size": 64}, "seen": 7}, path)
    for name in (path, tmp_path):  # the file, or the folder of the run
        state = load_checkpoint(name)
        assert (state["seen"], state["config"]) == (7, {"size": 64})
        assert torch.equal(state["ema"]["w"], torch.arange(3))
