"""Self-training: what is kept, and that picture and mask move together."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from ecgan.engine.align import TEMPLATE_FFHQ_256
from ecgan.engine.errors import DatasetError
from ecgan.engine.types import F32, U8
from ecgan.trainer.data.worn import WornFace, collect_worn, draw_worn


def blue_is_mask(crops: Sequence[U8]) -> F32:
    """Stands in for the segmenter."""
    pictures = np.stack(crops).astype(int)
    return (pictures[..., 2] - pictures[..., 0] > 60).astype(np.float32)


def photo(*, masked: bool) -> np.ndarray:
    image = np.full((256, 256, 3), (190, 150, 130), np.uint8)
    if masked:
        cv2.rectangle(image, (70, 150), (190, 230), (20, 60, 220), -1)
    return image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    mark = {"box": [40, 40, 210, 240], "score": 1.0, "landmarks": TEMPLATE_FFHQ_256.tolist()}
    names = {"masked.png": True, "bare.png": False, "held.png": True}
    with tarfile.open(tmp_path / "masked_photos_0.tar", "w:") as archive:
        for name, masked in names.items():
            data = cv2.imencode(".png", photo(masked=masked)[..., ::-1])[1].tobytes()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    marks = {name: {"annotated": [], "detected": [mark]} for name in names}
    (tmp_path / "faces.json").write_text(json.dumps(marks))
    (tmp_path / "holdout.txt").write_text("held.png\n")
    return tmp_path


def test_only_agreed_masks_of_photos_that_are_not_held_out_are_kept(folder: Path) -> None:
    kept = collect_worn(folder, blue_is_mask)
    assert len(kept) == 1
    inside = np.zeros((256, 256), bool)
    inside[150:231, 70:191] = True
    # the crop is the photo itself up to the alignment's rounding
    assert ((kept[0].mask > 127) & inside).sum() / ((kept[0].mask > 127) | inside).sum() > 0.95
    np.testing.assert_allclose(kept[0].landmarks, TEMPLATE_FFHQ_256, atol=0.01)


def test_a_missing_list_is_named(folder: Path) -> None:
    (folder / "holdout.txt").unlink()
    with pytest.raises(DatasetError, match=r"holdout\.txt' does not exist"):
        collect_worn(folder, blue_is_mask)


def test_picture_and_mask_move_together() -> None:
    mask = np.zeros((256, 256), np.uint8)
    mask[150:231, 70:191] = 255
    face = WornFace(photo(masked=True), mask, TEMPLATE_FFHQ_256)
    for seed in range(10):
        image, moved = draw_worn([face], np.random.default_rng(seed))
        blue = image[..., 2].astype(int) - image[..., 0] > 60
        assert (blue & (moved > 0.5)).sum() / (blue | (moved > 0.5)).sum() > 0.97
