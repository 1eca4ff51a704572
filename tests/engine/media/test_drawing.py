"""Numbered stills and the row of seven can be read whatever the picture's size."""

from __future__ import annotations

import numpy as np
import pytest

from ecgan.engine.media.drawing import contact_sheet, draw_numbers
from ecgan.engine.types import Face

YELLOW = np.array((255, 214, 0))


def face(x0: float, y0: float, x1: float, y1: float) -> Face:
    return Face(np.array([x0, y0, x1, y1], np.float32), 1.0, np.zeros((5, 2), np.float32))


def yellow(picture: np.ndarray) -> np.ndarray:
    return (np.abs(picture.astype(int) - YELLOW).max(axis=2) < 8).astype(bool)


@pytest.mark.parametrize(("height", "width"), [(480, 640), (1500, 2000), (60, 80)])
def test_box_and_number_lie_at_the_face(height: int, width: int) -> None:
    frame = np.full((height, width, 3), 90, np.uint8)
    box = (0.4 * width, 0.3 * height, 0.6 * width, 0.7 * height)
    drawn = draw_numbers(frame, [(1, face(*box))])
    zoom = drawn.shape[0] // height
    assert drawn.shape == (height * zoom, width * zoom, 3)
    assert min(drawn.shape[:2]) >= 480
    rows, columns = np.nonzero(yellow(drawn))
    assert columns.min() == pytest.approx(box[0] * zoom, abs=0.02 * width * zoom)
    assert columns.max() == pytest.approx(box[2] * zoom, abs=0.02 * width * zoom)
    assert rows.max() == pytest.approx(box[3] * zoom, abs=0.02 * height * zoom)
    assert rows.min() < box[1] * zoom  # the number stands on the box
    changed = (drawn != 90).any(axis=2)
    assert changed.mean() < 0.25


def test_numbers_differ_and_stay_inside_at_the_borders() -> None:
    frame = np.zeros((480, 640, 3), np.uint8)
    drawings = [draw_numbers(frame, [(number, face(0, 0, 60, 80))]) for number in (1, 2, 12)]
    assert not np.array_equal(drawings[0], drawings[1])
    assert not np.array_equal(drawings[1], drawings[2])
    corner = draw_numbers(frame, [(8, face(600, 0, 639, 30))])
    assert yellow(corner)[:40, 600:].sum() > 30


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 500), (700, 2)])
def test_odd_sizes_pass(height: int, width: int) -> None:
    frame = np.zeros((height, width, 3), np.uint8)
    assert draw_numbers(frame, [(3, face(0, 0, 1, 1))]).ndim == 3
    assert np.array_equal(frame, np.zeros_like(frame))


@pytest.mark.parametrize(("side", "cell"), [(40, 160), (300, 300), (2000, 400)])
def test_seven_cells_stand_in_order_with_captions(side: int, cell: int) -> None:
    cells = [np.full((side, side, 3), 30 * i, np.uint8) for i in range(7)]
    captions = ["surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral"]
    sheet = contact_sheet(cells, captions)
    assert sheet.shape[1] == 7 * cell + 8 * 8
    for i in range(7):
        x = 8 + i * (cell + 8)
        assert (sheet[8 : 8 + cell, x : x + cell] == 30 * i).all()
        caption = sheet[8 + cell :, x : x + cell]
        assert (caption < 128).any()
        dark = np.nonzero((caption < 128).any(axis=(0, 2)))[0]
        assert dark.min() > 0
        assert dark.max() < cell - 1
