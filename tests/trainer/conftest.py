"""A small data folder of drawn faces, in the layout that training reads."""

from __future__ import annotations

import csv
import io
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from ecgan.engine.align import TEMPLATE_FFHQ_256
from ecgan.engine.expressions import EXPRESSIONS
from ecgan.trainer.data.tables import LANDMARK_COLUMNS

FACES = 32


def draw_face(rng: np.random.Generator, side: int = 256) -> np.ndarray:
    """A cartoon face on the template: enough structure to learn, nobody's picture."""
    skin = tuple(int(v) for v in rng.integers(90, 230, 3))
    canvas = np.full((256, 256, 3), rng.integers(0, 255, 3), np.uint8)
    cv2.ellipse(canvas, (128, 150), (78, 100), 0, 0, 360, skin, -1)
    for x, y in TEMPLATE_FFHQ_256[:2].astype(int):
        cv2.circle(canvas, (int(x), int(y)), 12, (250, 250, 250), -1)
        cv2.circle(canvas, (int(x), int(y)), 7, (20, 20, 20), -1)
    cv2.line(canvas, (127, 130), (127, 158), (60, 40, 40), 3)
    cv2.ellipse(canvas, (127, 184), (28, int(rng.integers(3, 14))), 0, 0, 360, (180, 40, 60), -1)
    return np.asarray(cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA))


@pytest.fixture(scope="session")
def faces_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`faces/faces.csv` and one shard: 32 drawn faces, 8 of them for validation."""
    root = tmp_path_factory.mktemp("data")
    write_faces(root)
    return root


def write_faces(root: Path) -> None:
    """Draw the faces of ``faces_folder`` into a folder."""
    folder = root / "faces"
    folder.mkdir()
    rng = np.random.default_rng(0)
    columns = ["file", "shard", "source", "person", "split", *LANDMARK_COLUMNS, "label"]
    points = [f"{v:.1f}" for v in TEMPLATE_FFHQ_256.ravel()]
    with (
        tarfile.open(folder / "drawn.tar", "w:") as archive,
        (folder / "faces.csv").open("w", newline="") as handle,
    ):
        table = csv.writer(handle)
        table.writerow(columns)
        for number in range(FACES):
            name = f"drawn-{number:02d}.jpg"
            data = cv2.imencode(".jpg", draw_face(rng)[..., ::-1])[1].tobytes()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
            split = "val" if number % 4 == 3 else "train"
            label = EXPRESSIONS[number % 7] if number % 2 else ""
            table.writerow([name, "drawn.tar", "drawn", f"p{number}", split, *points, label])
