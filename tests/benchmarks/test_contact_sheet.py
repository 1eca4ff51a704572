"""The sheet shows what it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ecgan.benchmarks import contact_sheet
from ecgan.engine.pipeline import Unmasker
from ecgan.engine.types import U8


def test_a_row_of_a_photo(unmasker: Unmasker, masked_photo: U8) -> None:
    row = contact_sheet.photo_row(masked_photo, unmasker)
    assert row.shape == (320, 1280, 3)
    photo, region, happy, neutral = np.split(row.astype(int), 4, axis=1)
    assert ((region - photo)[..., 0] > 40).mean() > 0.01  # tinted where is painted
    assert np.abs(happy - neutral).max() > 10
    np.testing.assert_array_equal(happy[:40], photo[:40])  # above the face


def test_a_file_is_written(model_folder: Path, masked_photo: U8, tmp_path: Path) -> None:
    source = tmp_path / "in.png"
    Image.fromarray(masked_photo).save(source)
    target = tmp_path / "out.jpg"
    arguments = [str(target), "--photo", str(source), "--models", str(model_folder)]
    assert contact_sheet.main(arguments) == 0
    with Image.open(target) as picture:
        assert picture.size == (1280, 320)


def test_one_of_data_and_photo_is_needed(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        contact_sheet.main([str(tmp_path / "out.jpg")])
    assert caught.value.code == 2
