"""How a crop is misplaced: read off a matrix, and measured on a face that is found."""

from __future__ import annotations

import csv
import io
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from ecgan.benchmarks.alignment import measure, misplacement
from ecgan.engine.align import crop_matrix
from ecgan.engine.pipeline import Unmasker
from ecgan.engine.types import U8
from ecgan.trainer.data import load_data
from ecgan.trainer.data.tables import LANDMARK_COLUMNS


def test_misplacement_is_read_about_the_centre() -> None:
    turn, scale = np.deg2rad(3.0), 1.1
    linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    shift = np.array([127.5 + 2.56, 127.5 - 5.12]) - linear @ np.full(2, 127.5)
    matrix = np.column_stack([linear, shift]).astype(np.float32)
    for side in (1, -1):  # of a head turned to the left, left counts as ahead
        found = misplacement(matrix, side * 0.2)
        assert found.turn == 0.2
        assert found.degrees == pytest.approx(side * 3, abs=1e-3)
        assert found.scale == pytest.approx(np.log(1.1), abs=1e-5)
        assert found.shift == pytest.approx((side * 0.01, -0.02), abs=1e-4)


def test_a_masked_face_is_placed_within_a_few_per_cent(
    tmp_path: Path, unmasker: Unmasker, bare_photo: U8
) -> None:
    [face] = unmasker.detect(bare_photo)
    matrix = crop_matrix(face.landmarks)
    crop = cv2.warpAffine(bare_photo, matrix, (256, 256))
    data = cv2.imencode(".png", np.ascontiguousarray(crop[..., ::-1]))[1].tobytes()
    (tmp_path / "faces").mkdir()
    with tarfile.open(tmp_path / "faces" / "one.tar", "w:") as archive:
        for number in range(6):
            info = tarfile.TarInfo(f"{number}.png")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    points = (face.landmarks @ matrix[:, :2].T + matrix[:, 2]).ravel().tolist()
    with (tmp_path / "faces" / "faces.csv").open("w", newline="") as handle:
        table = csv.writer(handle)
        table.writerow(["file", "shard", "source", "person", "split", *LANDMARK_COLUMNS])
        for number in range(6):
            table.writerow([f"{number}.png", "one.tar", "x", number, "val", *points])
    found, missed = measure(load_data(str(tmp_path)), unmasker, 6)
    assert len(found) + missed == 6
    assert len(found) >= 5
    assert np.mean([abs(m.degrees) for m in found]) < 6
    assert np.mean([abs(m.scale) for m in found]) < 0.15
    assert np.mean([np.hypot(*m.shift) for m in found]) < 0.04
