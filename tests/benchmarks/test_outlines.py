"""Comparing found masks with outlines drawn by hand, on drawn photos whose masks are rectangles."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ecgan.benchmarks import outlines
from ecgan.engine.align import TEMPLATE_FFHQ_256, crop_matrix, warp_face
from ecgan.engine.errors import DatasetError
from ecgan.engine.types import F32, U8, Face, FaceCrop

BLUE = (40, 90, 200)
SCALE, SHIFT = 0.5, 60.25
"""Where the drawn face lies: photo pixels = crop pixels * SCALE + SHIFT."""
BOX = [90.0, 80.0, 160.0, 170.0]
MASK = [90, 125, 159, 164]
"""Columns and rows of the drawn mask, both ends within."""


class BlueIsMask:
    """Finds a face at its place in every photo but a black one, and calls blue pixels its mask."""

    segmenter = SimpleNamespace(
        masks=lambda crops: np.stack([_blue(crop) for crop in crops]),
        claims=lambda mask: mask.mean() > 0.03,
    )

    def __init__(self, **_: Any) -> None: ...

    def detect(self, frame: U8) -> list[Face]:
        if not frame.max():
            return []
        landmarks = TEMPLATE_FFHQ_256 * np.float32(SCALE) + np.float32(SHIFT)
        elsewhere = Face(np.array([0, 0, 30, 30], np.float32), 0.9, landmarks)
        return [elsewhere, Face(np.array(BOX, np.float32), 0.9, landmarks)]

    def crop(self, frame: U8, faces: list[Face]) -> list[FaceCrop]:
        found = []
        for face in faces:
            matrix = crop_matrix(face.landmarks)
            crop = warp_face(frame, matrix)
            found.append(FaceCrop(face, matrix, crop, _blue(crop)))
        return found

    def __enter__(self) -> BlueIsMask:
        return self

    def __exit__(self, *_: object) -> None: ...


def _blue(crop: U8) -> F32:
    return (crop[..., 2].astype(int) - crop[..., 0] > 80).astype(np.float32)


def _photo(colour: tuple[int, int, int] | None, skin: int = 150) -> bytes:
    picture = np.full((200, 240, 3), skin, np.uint8)
    if colour:
        x0, y0, x1, y1 = MASK
        picture[y0 : y1 + 1, x0 : x1 + 1] = colour
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    return stream.getvalue()


def _rectangle(x0: float, y0: float, x1: float, y1: float) -> list[list[float]]:
    return [[x0 - 0.5, y0 - 0.5], [x1 + 0.5, y0 - 0.5], [x1 + 0.5, y1 + 0.5], [x0 - 0.5, y1 + 0.5]]


def _row(name: str, content: bytes, **fields: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "file": name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "group": "holdout",
        "box": BOX,
        "notes": "",
        "outlines": [_rectangle(*MASK)],
        "holes": [],
    }
    return row | fields


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Data folder with drawn photos, and beside it ``outlines.json``."""
    x0, y0, x1, y1 = MASK
    upper, lower = _rectangle(x0, y0, x1, y0 + 19), _rectangle(x0, y0 + 20, x1, y1)
    photos = {
        "whole.jpg": (_photo(BLUE), {}),
        "parts.jpg": (_photo(BLUE), {"outlines": [upper, lower], "group": "others"}),
        "half.jpg": (_photo(BLUE), {"holes": [upper], "notes": "hand", "group": "others"}),
        "bare.jpg": (_photo(None), {"group": "others"}),
        "dark.jpg": (_photo(None, skin=0), {"group": "others"}),
        "nobody.jpg": (_photo(BLUE), {"box": [180, 10, 230, 60], "group": "others"}),
        "unknown.jpg": (_photo(BLUE), None),
    }
    folder = tmp_path / "data" / "masked"
    folder.mkdir(parents=True)
    with tarfile.open(folder / "masked_photos_0.tar", "w") as shard:
        for name, (content, _) in photos.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            shard.addfile(info, io.BytesIO(content))
    rows = [
        _row(name, content, **fields)
        for name, (content, fields) in photos.items()
        if fields is not None
    ]
    (tmp_path / "outlines.json").write_text(json.dumps({"about": {}, "faces": rows}))
    return folder.parent


def test_masks_are_compared_inside_the_crop(data: Path) -> None:
    drawn = outlines.load_outlines(data.parent / "outlines.json")
    scores = outlines.measure(data / "masked", drawn, BlueIsMask())
    found = {score.outline.file: score for score in scores}
    # 140 x 80 in the crop, with edges between pixels: a row of them wrong would be 1.3 %.
    assert found["whole.jpg"].iou > 0.99
    assert found["parts.jpg"].iou > 0.99
    assert found["half.jpg"].iou == pytest.approx(0.5, abs=0.01)
    assert found["half.jpg"].raw_iou == found["half.jpg"].iou
    troubles = {name: score.trouble for name, score in found.items() if score.trouble}
    assert troubles == {
        "bare.jpg": "no mask claimed",
        "dark.jpg": "face not found",
        "nobody.jpg": "face not found",
    }
    assert not any(found[name].iou for name in troubles)


def test_an_outline_is_filled_to_half_a_crop_pixel() -> None:
    double = np.array([[2, 0, 0.5], [0, 2, 0.5]], np.float32)
    [outline] = [
        outlines._outline(_row("a.jpg", b"", outlines=[_rectangle(10, 20, 39, 59)])),
    ]
    truth = outlines.true_mask(outline, double)
    assert abs(int(truth.sum()) - 60 * 80) <= 60 + 80
    rows, columns = np.nonzero(truth)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (40, 119, 20, 79)


def test_the_mirrored_border_does_not_count() -> None:
    matrix = np.array([[1, 0, 100], [0, 1, 0]], np.float32)
    inside = outlines.inside_photo(60, 50, matrix)
    assert inside[:60, 100:150].all()
    assert inside.sum() == 60 * 50


def test_figures_name_the_poor_faces_and_keep_the_holdout_apart(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(outlines, "Unmasker", BlueIsMask)
    where = ["--outlines", str(data.parent / "outlines.json")]
    assert outlines.main([str(data), *where]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("holdout: 1 faces, mean IoU 1.0000")
    assert "0 not found, 0 not claimed" in lines[0]
    assert lines[1].startswith("others: 5 faces")
    assert "worst 0.000" in lines[1]
    assert "2 not found, 1 not claimed" in lines[1]
    assert "  0.000 bare.jpg (no mask claimed)" in lines
    assert lines[-1].endswith("half.jpg (hand)")
    assert not any("whole.jpg" in line for line in lines[1:])
    assert outlines.main([str(data), *where, "--group", "holdout"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_another_photo_of_that_name_is_refused(data: Path) -> None:
    drawn = outlines.load_outlines(data.parent / "outlines.json")
    changed = [outlines._outline(_row("whole.jpg", b"another"))]
    with pytest.raises(DatasetError, match=r"'whole\.jpg' is not the one"):
        outlines.measure(data / "masked", changed, BlueIsMask())
    absent = [*drawn, outlines._outline(_row("absent.jpg", b""))]
    with pytest.raises(DatasetError, match=r"'absent\.jpg' is not in"):
        outlines.measure(data / "masked", absent, BlueIsMask())


@pytest.mark.parametrize("text", ["{", "[]", '{"faces": [{"file": "a.jpg"}]}'])
def test_a_file_of_another_form_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "outlines.json"
    path.write_text(text)
    with pytest.raises(DatasetError, match="holds no outlines"):
        outlines.load_outlines(path)


def test_missing_files_end_with_one_line(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (
        [str(data), "--outlines", str(tmp_path / "none.json")],
        [str(tmp_path), "--outlines", str(tmp_path / "outlines.json")],
    ):
        with pytest.raises(SystemExit) as stop:
            outlines.main(arguments)
        assert stop.value.code == 2
        assert "none.json" in (error := capsys.readouterr().err) or "masked_photos" in error


def test_the_drawn_outlines_lie_within_reason() -> None:
    drawn = outlines.load_outlines(outlines.OUTLINES)
    assert len({one.file for one in drawn}) == len(drawn)
    assert Counter(one.group for one in drawn) == {"holdout": 46, "others": 60}
    for one in drawn:
        assert one.outlines, one.file
        for points in (*one.outlines, *one.holes):
            assert len(points) >= 3, one.file
            assert (points >= -0.5).all(), one.file
            # A worn mask is near its face; where hair was taken for it, somewhat farther.
            reach = np.abs(points - (one.box[:2] + one.box[2:]) / 2).max()
            assert reach < 1.5 * (one.box[3] - one.box[1]), one.file
