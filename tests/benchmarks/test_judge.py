"""The classifier's own accuracy, with a stand-in that reads the same in every face."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ecgan.benchmarks import judge
from ecgan.engine.errors import DatasetError, ModelMissing
from ecgan.engine.expressions import EXPRESSIONS
from ecgan.engine.types import U8
from ecgan.trainer.data import load_data

READ = EXPRESSIONS.index("happiness")


class Smiling:
    """Reads happiness."""

    name, sha256 = "smiling", "00"

    def read(self, crops: U8) -> Any:
        assert crops.shape[1:] == (256, 256, 3)
        return SimpleNamespace(probability=np.eye(7, dtype=np.float32)[[READ] * len(crops)])


@pytest.fixture
def smiling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "open_judge", lambda _: Smiling())


@pytest.mark.usefixtures("smiling")
def test_accuracy_is_told_by_source_and_expression(
    faces_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = [r.label for r in load_data(str(faces_folder)) if r.split == "val" and r.label >= 0]
    right = labels.count(READ) / len(labels)
    assert judge.main([str(faces_folder), "--split", "val"]) == 0
    printed = capsys.readouterr().out
    assert f"smiling: {len(labels)} faces, {right:.1%} right" in printed
    assert f"drawn            {len(labels)} faces  {right:6.1%}" in printed
    assert judge.main([str(faces_folder), "--split", "val", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["confusion"]["accuracy"] == pytest.approx(right)
    assert found["sources"] == {"drawn": {"faces": len(labels), "accuracy": pytest.approx(right)}}


@pytest.mark.usefixtures("smiling")
def test_a_split_without_labels_is_refused(faces_folder: Path) -> None:
    with pytest.raises(DatasetError, match="no face of split 'test'"):
        judge.measure(str(faces_folder), None)


@pytest.mark.usefixtures("smiling")
def test_a_fault_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        judge.main(["gone"])
    assert "'gone' does not exist" in capsys.readouterr().err


def test_without_a_classifier_it_is_refused(faces_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"no evaluation classifier in|no 'manifest\.json'"):
        judge.measure(str(faces_folder), tmp_path)
