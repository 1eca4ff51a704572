"""The drawn faces that the trainer's tests read, and a hand-made set of masked photos."""

from __future__ import annotations

import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image

from ecgan.engine.types import Face

from ..trainer.conftest import faces_folder

__all__ = ["Fixed", "faces_folder", "masked"]


class Fixed:
    """Finds the same two boxes in every picture."""

    name = "fixed"

    def detect(self, frame, *, quick=False, small=False):
        boxes = [(10, 10, 70, 80), (200, 10, 260, 80)]
        points = np.zeros((5, 2), np.float32)
        return [Face(np.array(box, np.float32), 0.9, points) for box in boxes]


@pytest.fixture
def masked(tmp_path):
    folder = tmp_path / "masked"
    folder.mkdir()
    marks = {
        "a.jpg": [("with_mask", [12, 12, 70, 80]), ("without_mask", [120, 10, 170, 80])],
        "b.jpg": [("with_mask", [10, 10, 50, 50])],  # below 48 px: not counted
        "c.jpg": [],
    }
    with tarfile.open(folder / "masked_photos_0.tar", "w") as shard:
        for name in marks:
            stream = io.BytesIO()
            Image.new("RGB", (300, 100)).save(stream, "JPEG")
            info = tarfile.TarInfo(name)
            info.size = stream.tell()
            stream.seek(0)
            shard.addfile(info, stream)
    rows = {
        name: {"annotated": [{"label": label, "box": box} for label, box in boxes]}
        for name, boxes in marks.items()
    }
    (folder / "faces.json").write_text(json.dumps(rows))
    (folder / "holdout.txt").write_text("c.jpg\n")
    return folder
