from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from av.video.format import VideoFormat

from ecgan.engine.media.display import Orientation
from ecgan.engine.media.planes import PAINTABLE, Converter, encoder_format, paint_frame
from ecgan.engine.types import Patch

UPRIGHT = Orientation()


def _frame(name: str, width: int = 64, height: int = 48, **tags: int) -> av.VideoFrame:
    """A frame of random samples in the legal range of its depth."""
    frame = av.VideoFrame(width, height, name)
    rng = np.random.default_rng(1)
    for samples, bits in zip(
        _planes(frame), (c.bits for c in frame.format.components), strict=True
    ):
        samples[:] = rng.integers(16 << (bits - 8), 235 << (bits - 8), samples.shape)
    for key, value in tags.items():
        setattr(frame, key, value)
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    return frame


def _planes(frame: av.VideoFrame) -> list[np.ndarray]:
    found = []
    for index, plane in enumerate(frame.planes):
        dtype = np.uint8 if frame.format.components[index].bits == 8 else np.uint16
        rows = np.frombuffer(plane, dtype).reshape(plane.height, -1)
        found.append(rows[:, : plane.width])
    return found


def _patch(x: int, y: int, size: tuple[int, int], colour: tuple[int, int, int]) -> Patch:
    wide, tall = size
    rgb = np.full((tall, wide, 3), colour, np.float32)
    return Patch(x, y, rgb, np.ones((tall, wide), np.float32))


@pytest.mark.parametrize("name", sorted(PAINTABLE))
@pytest.mark.parametrize(("space", "span"), [(1, 1), (5, 1), (9, 1), (1, 2), (2, 0)])
def test_paint_comes_back_as_the_colour_that_was_asked(name: str, space: int, span: int) -> None:
    frame = _frame(name, colorspace=space, color_range=span)
    paint_frame(frame, [_patch(10, 8, (30, 20), (200, 40, 60))], UPRIGHT)
    seen = Converter().rgb(frame)[12:24, 16:34].reshape(-1, 3).mean(axis=0)
    if name.startswith("gray"):
        assert np.ptp(seen) < 1
        return
    # swscale's 8-bit tables are off by up to 3 in one channel; the paint itself is exact
    np.testing.assert_allclose(seen, (200, 40, 60), atol=3)


@pytest.mark.parametrize("name", sorted(PAINTABLE))
def test_paint_leaves_every_other_sample_as_decoded(name: str) -> None:
    frame = _frame(name)
    before = [plane.copy() for plane in _planes(frame)]
    alpha = np.zeros((21, 31), np.float32)
    alpha[4:15, 5:24] = 0.5
    rgb = np.full((21, 31, 3), 250, np.float32)
    paint_frame(frame, [Patch(7, 9, rgb, alpha)], UPRIGHT)
    touched = np.zeros((48, 64), bool)
    touched[9:30, 7:38] = alpha > 0
    for old, new in zip(before, _planes(frame), strict=True):
        step_y, step_x = 48 // old.shape[0], 64 // old.shape[1]
        cells = touched.reshape(48 // step_y, step_y, 64 // step_x, step_x).any(axis=(1, 3))
        np.testing.assert_array_equal(new[~cells], old[~cells])
        assert (new[cells] != old[cells]).mean() > 0.9


def test_chroma_takes_the_mean_weight_of_its_luma_samples() -> None:
    frame = _frame("yuv420p", color_range=2, colorspace=5)
    for plane in _planes(frame)[1:]:
        plane[:] = 128
    # one column of a pair: the chroma sample moves half of the way, by the paint's own colour
    paint_frame(frame, [_patch(11, 10, (1, 2), (255, 0, 0))], UPRIGHT)
    red = _planes(frame)[2][5, 5]
    assert red == pytest.approx(128 + 0.5 * 127.5, abs=1)
    assert (np.delete(_planes(frame)[2][5], 5) == 128).all()


def test_ten_bit_paint_keeps_steps_finer_than_eight_bit() -> None:
    frame = _frame("yuv444p10le", colorspace=1, color_range=1)
    ramp = np.repeat(np.linspace(100, 104, 40, dtype=np.float32)[None, :, None], 3, axis=2)
    paint_frame(frame, [Patch(4, 4, ramp, np.ones((1, 40), np.float32))], UPRIGHT)
    assert len(np.unique(_planes(frame)[0][4, 4:44])) > 10


@pytest.mark.parametrize("edge", [(0, 0), (63, 47), (60, 44)])
def test_paint_reaches_the_borders_of_odd_pictures(edge: tuple[int, int]) -> None:
    frame = _frame("yuv420p", 65, 49, colorspace=5, color_range=1)
    size = (65 - edge[0], 49 - edge[1])
    paint_frame(frame, [_patch(*edge, size, (10, 20, 30))], UPRIGHT)
    corner = _planes(frame)[0][edge[1] :, edge[0] :]
    assert (corner == corner[0, 0]).all()


def test_empty_patch_changes_nothing() -> None:
    frame = _frame("yuv420p")
    before = [plane.copy() for plane in _planes(frame)]
    empty = Patch(0, 0, np.zeros((0, 0, 3), np.float32), np.zeros((0, 0), np.float32))
    paint_frame(frame, [empty], UPRIGHT)
    for old, new in zip(before, _planes(frame), strict=True):
        np.testing.assert_array_equal(new, old)


@pytest.mark.parametrize(
    ("name", "size", "expected"),
    [
        ("yuv420p", (64, 48), "yuv420p"),
        ("yuv420p", (65, 48), "yuv444p"),
        ("yuv420p10le", (64, 49), "yuv444p10le"),
        ("yuv422p", (64, 49), "yuv422p"),
        ("yuv422p", (63, 48), "yuv444p"),
        ("yuv444p", (65, 49), "yuv444p"),
        ("yuvj420p", (64, 48), "yuvj420p"),
        ("yuva420p", (64, 48), "yuv420p"),
        ("nv12", (64, 48), "yuv420p"),
        ("p010le", (64, 48), "yuv420p10le"),
        ("yuv411p", (64, 48), "yuv422p"),
        ("yuv420p12le", (64, 48), "yuv420p10le"),
        ("gbrp", (64, 48), "yuv444p"),
        ("gbrp10le", (64, 48), "yuv444p10le"),
        ("rgb24", (64, 48), "yuv444p"),
        ("pal8", (64, 48), "yuv444p"),
        ("gray", (63, 47), "gray"),
        ("gray12le", (64, 48), "gray10le"),
    ],
)
def test_encoder_format_loses_as_little_as_possible(
    name: str, size: tuple[int, int], expected: str
) -> None:
    assert encoder_format(VideoFormat(name, *size)) == expected
