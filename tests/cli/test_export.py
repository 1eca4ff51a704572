"""`ecgan export` from the shell: mistakes are one line and leave nothing behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ecgan.trainer.checkpoint import save_checkpoint
from ecgan.trainer.networks.segmenter import Segmenter

from .conftest import Run

WIDTHS = (4, 4, 8, 8, 8)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """An untrained small segmenter, as ecgan train writes it."""
    state = {"network": "segmenter", "ema": Segmenter(WIDTHS).state_dict(), "seen": 3}
    save_checkpoint(tmp_path / "last.pt", state | {"config": {"widths": WIDTHS}})
    return tmp_path / "last.pt"


@pytest.mark.slow
def test_json_names_files_hashes_and_what_was_measured(
    ecgan: Run, checkpoint: Path, tmp_path: Path
) -> None:
    done = ecgan("export", checkpoint, "-o", tmp_path / "models", "--fp32-only", "--json")
    assert done.returncode == 0, done.stderr
    assert "checked on random pictures only" in done.stderr
    document = json.loads(done.stdout)
    assert document["files"].keys() == {"fp32"}
    row = document["files"]["fp32"]
    assert row["path"] == str(tmp_path / "models" / "segmenter.onnx")
    assert row["bytes"] == Path(row["path"]).stat().st_size
    assert len(row["sha256"]) == 64
    assert document["figures"]["export_worst_level"] <= 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--input-range", "imagenet"], 2, "leave --input-range out"),
        (["--input-range", "bytes"], 2, "'bytes' is not one of"),
        (["--check", "gone.jpg"], 3, "gone.jpg"),
    ],
)
def test_mistakes_are_one_line(
    ecgan: Run, checkpoint: Path, tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    done = ecgan("export", checkpoint, "-o", tmp_path / "models", *arguments)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "models").exists()
