"""The sheet of drawn masks."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from ecgan.engine.align import TEMPLATE_FFHQ_256
from ecgan.engine.errors import DatasetError
from ecgan.engine.types import U8
from ecgan.trainer.prepare.mask_sheet import draw_mask_sheet, example_face, face_of
from ecgan.trainer.synth import MASK_STYLES


def test_it_has_a_row_for_each_cut_and_is_the_same_each_time(faces_folder: Path) -> None:
    face = face_of(str(faces_folder))
    np.testing.assert_allclose(face[1], TEMPLATE_FFHQ_256, atol=0.1)
    sheet = draw_mask_sheet(face)
    rows = sum(len(MASK_STYLES[style].KINDS) for style in MASK_STYLES) + 1
    assert sheet.shape == (rows * (256 + 22), 11 * 256, 3)
    np.testing.assert_array_equal(sheet, draw_mask_sheet(face))


def test_a_photo_s_face_is_found_and_a_masked_one_refused(
    tmp_path: Path, bare_photo: U8, masked_photo: U8
) -> None:
    for name, photo in (("bare", bare_photo), ("masked", masked_photo)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.ascontiguousarray(photo[..., ::-1]))
    crop, landmarks = face_of(str(tmp_path / "bare.png"))
    assert crop.shape == (256, 256, 3)
    np.testing.assert_allclose(landmarks[:2], TEMPLATE_FFHQ_256[:2], atol=8)
    with pytest.raises(
        DatasetError, match=r"'masked\.png' cannot carry a drawn mask: wears a mask"
    ):
        face_of(str(tmp_path / "masked.png"))


def test_without_data_it_is_the_example_s_face() -> None:
    assert example_face()[0].shape == (256, 256, 3)
