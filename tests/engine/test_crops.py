"""Crops with the mask of each face, on the tiny networks and the real detector."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ecgan.engine.align import invert
from ecgan.engine.face_area import is_cut_off
from ecgan.engine.pipeline import Unmasker
from ecgan.engine.types import F32, U8


def test_a_mask_that_hangs_below_the_crop_is_seen_whole(
    unmasker: Unmasker, masked_photo: U8, monkeypatch: pytest.MonkeyPatch
) -> None:
    def blue(rows: list[U8]) -> F32:  # unlike the tiny network's rule, down to the crop's edge
        crops = np.stack(rows)
        lower = np.arange(256)[:, None] > 125
        return ((crops[..., 2] > crops[..., 0].astype(int) + 40) & lower).astype(np.float32)

    monkeypatch.setattr(unmasker.segmenter, "masks", blue)
    (face,) = unmasker.detect(masked_photo)
    (normal,) = unmasker.crop(masked_photo, [face])
    assert normal.zoom == 1
    rows, columns = np.nonzero(normal.mask > 0.5)
    to_frame = invert(normal.frame_to_crop)
    # the mask's own colour, from its middle to 20 crop pixels below the crop
    left, right = np.percentile(columns, [25, 75])
    corners = [(left, rows.mean(), 1), (right, rows.mean(), 1), (right, 275, 1), (left, 275, 1)]
    polygon = np.rint(np.array(corners) @ to_frame.T).astype(np.int32)
    colour = np.median(normal.crop[normal.mask > 0.5], axis=0)
    long = cv2.fillConvexPoly(masked_photo.copy(), polygon, colour.tolist())
    (crop,) = unmasker.crop(long, [face])
    assert crop.zoom == pytest.approx(0.86)
    assert not is_cut_off(crop.mask)
    bottom = invert(crop.frame_to_crop) @ (127, np.nonzero(crop.mask > 0.5)[0].max(), 1)
    wanted = to_frame @ (127, 275, 1)
    assert abs(bottom[1] - wanted[1]) < 4  # crop pixels of a smaller face are coarser
    (again,) = unmasker.crop(long, [face], [crop.zoom])
    np.testing.assert_array_equal(again.mask, crop.mask)
