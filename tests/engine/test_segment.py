"""The segmenter's way from crops to masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ecgan.engine.backends.ort import OrtBackend
from ecgan.engine.errors import ModelMismatch
from ecgan.engine.segment import Segmenter


@pytest.fixture(scope="module")
def segmenter(model_folder: Path) -> Segmenter:
    backend = OrtBackend.open(model_folder / "segmenter.onnx", device="cpu", threads=1)
    return Segmenter(backend, threshold=0.02)


def _crops(count: int) -> np.ndarray:
    crops = np.full((count, 256, 256, 3), 150, np.uint8)
    for i, crop in enumerate(crops):
        crop[150 : 151 + i, 100:150] = (90, 160, 220)
    return crops


def test_masks_are_one_on_the_covering_and_zero_elsewhere(segmenter: Segmenter) -> None:
    masks = segmenter.masks(_crops(3))
    assert masks.dtype == np.float32
    assert masks.shape == (3, 256, 256)
    assert masks.sum(axis=(1, 2)).tolist() == [50, 100, 150]
    assert set(np.unique(masks)) == {0.0, 1.0}


def test_more_crops_than_a_batch_keep_their_order(segmenter: Segmenter) -> None:
    masks = segmenter.masks(_crops(37))
    assert masks.sum(axis=(1, 2)).tolist() == [50 * (i + 1) for i in range(37)]


def test_no_crop_gives_no_mask(segmenter: Segmenter) -> None:
    assert segmenter.masks(_crops(0)).shape == (0, 256, 256)


def test_claim_is_a_share_of_the_crop_above_the_threshold(segmenter: Segmenter) -> None:
    mask = np.zeros((256, 256), np.float32)
    mask[: int(256 * 0.019)] = 1
    assert not segmenter.claims(mask)
    mask[: int(256 * 0.03)] = 1
    assert segmenter.claims(mask)


def test_a_generator_is_no_segmenter(model_folder: Path) -> None:
    backend = OrtBackend.open(model_folder / "generator.onnx", device="cpu", threads=1)
    with pytest.raises(ModelMismatch, match=r"the segmenter is crop uint8 .*expression float32"):
        Segmenter(backend, 0.02)
