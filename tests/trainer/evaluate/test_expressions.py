"""Matrices and intensities on readings with a known answer; the judge's contract."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ecgan.engine.errors import ModelMismatch, ModelMissing
from ecgan.engine.expressions import EXPRESSIONS
from ecgan.engine.models import Manifest
from ecgan.engine.models.manifest import MANIFEST_NAME
from ecgan.trainer.evaluate.expressions import Confusion, confusion_at, strength_of
from ecgan.trainer.evaluate.judge import open_judge
from ecgan.trainer.evaluate.pictures import CELL, MARGIN, TOP, draw_confusion

from ...conftest import model_entry


def one_hot(*read: int) -> np.ndarray:
    return np.eye(7, dtype=np.float32)[list(read)]


def test_rows_are_what_was_asked_and_columns_what_was_read() -> None:
    confusion = Confusion.of([0, 0, 0, 3], one_hot(0, 0, 6, 3))
    assert confusion.counts[0] == [2, 0, 0, 0, 0, 0, 1]
    assert confusion.counts[3] == [0, 0, 0, 1, 0, 0, 0]
    assert confusion.recall == {"surprise": pytest.approx(2 / 3), "happiness": 1.0}
    assert confusion.accuracy == pytest.approx(3 / 4)
    assert confusion.balanced == pytest.approx((2 / 3 + 1) / 2)
    assert confusion.worst == "surprise"
    assert confusion.as_json()["worst_recall"] == pytest.approx(2 / 3)


def test_each_intensity_has_its_own_matrix_and_probabilities() -> None:
    weak, strong = np.full((7, 7), 1 / 7, np.float32), np.eye(7, dtype=np.float32)
    weak[:, 6] += 0.1  # everything is read as neutral
    read = [np.stack([weak, strong]), np.stack([weak, strong])]
    assert confusion_at(read, 0).accuracy == pytest.approx(1 / 7)
    assert confusion_at(read, 1).accuracy == 1
    strength = strength_of(read, (0.5, 1.0))
    assert strength.rises
    assert strength.probability["fear"] == pytest.approx([1 / 7, 1])
    assert strength.mean[0] == pytest.approx((6 / 7 + (1 / 7 + 0.1)) / 7)
    assert not strength_of([table[::-1] for table in read], (0.5, 1.0)).rises


def test_a_drawn_matrix_is_dark_where_a_row_lies() -> None:
    confusion = Confusion.of(list(range(7)), one_hot(0, 0, 2, 3, 4, 5, 6))
    picture = draw_confusion(confusion, "asked")

    def cell(row: int, column: int) -> float:
        y, x = TOP + row * CELL + CELL - 4, MARGIN + column * CELL + CELL - 4
        return float(picture[y, x].mean())

    assert cell(0, 0) == cell(1, 0) < 100
    assert cell(1, 1) == cell(0, 1) == 255


def test_the_stand_in_reads_batches_of_any_size(classifier_folder: Path) -> None:
    crops = np.random.default_rng(0).integers(0, 256, (19, 256, 256, 3), dtype=np.uint8)
    judge = open_judge(classifier_folder, threads=1)
    found = judge.read(crops)
    assert found.probability.shape == (19, 7)
    assert np.abs(found.probability.sum(1) - 1).max() < 1e-5
    assert np.abs(found.features[18] - judge.read(crops[18:]).features[0]).max() < 1e-3


def test_a_folder_without_a_classifier_is_refused_with_the_reason(model_folder: Path) -> None:
    with pytest.raises(ModelMissing, match="no evaluation classifier in") as caught:
        open_judge(model_folder)
    assert caught.value.hint is not None
    assert "--classifier" in caught.value.hint


def test_another_network_is_no_classifier(model_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "s.onnx").write_bytes((model_folder / "segmenter.onnx").read_bytes())
    entry = model_entry(tmp_path / "s.onnx", "classifier", "wrong")
    (tmp_path / MANIFEST_NAME).write_text(Manifest([entry]).to_json())
    with pytest.raises(ModelMismatch, match=r"classifier is crop -> mask, expected .*probability"):
        open_judge(tmp_path)
    assert len(EXPRESSIONS) == 7
