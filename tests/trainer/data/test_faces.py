"""Tables and shards."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from ecgan.engine.align import TEMPLATE_FFHQ_256
from ecgan.engine.errors import DatasetError
from ecgan.engine.expressions import EXPRESSIONS
from ecgan.trainer.data import load_faces, load_folder


def test_rows_and_pictures_are_read(faces_folder: Path) -> None:
    faces = load_folder(faces_folder)
    assert len(faces) == 32
    assert len(faces.select("train")) == 24
    assert faces[1].label == EXPRESSIONS.index("fear")
    assert faces[0].label == -1
    assert faces[0].aligned
    np.testing.assert_allclose(faces[0].landmarks, TEMPLATE_FFHQ_256, atol=0.05)
    assert faces.image(0).shape == (256, 256, 3)
    assert faces.image(0, reduce=2).shape == (128, 128, 3)


def test_pictures_are_rgb(faces_folder: Path) -> None:
    mouth = load_folder(faces_folder).image(0)[184, 127].astype(int)
    assert mouth[0] > mouth[2] + 60  # drawn (180, 40, 60)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no table in"):
        load_folder(tmp_path)


def copy_with(faces_folder: Path, tmp_path: Path, old: str, new: str) -> Path:
    root = tmp_path / "data"
    shutil.copytree(faces_folder, root)
    table = root / "faces" / "faces.csv"
    table.write_text(table.read_text().replace(old, new, 1))
    return table


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("drawn-00.jpg", "gone.jpg", "'gone.jpg' is not in"),
        ("drawn.tar", "gone.tar", r"gone\.tar' does not exist"),
        (",fear", ",fearful", "line 3: label 'fearful' is not one of"),
        ("person", "who", "has no column 'person'"),
        (",train,", ",training,", "line 2: split 'training' is not one of"),
        (",95.9,", ",left,", "line 2: could not convert"),
    ],
)
def test_broken_tables_are_named(
    faces_folder: Path, tmp_path: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        load_faces(copy_with(faces_folder, tmp_path, old, new))


def test_a_broken_picture_is_named(faces_folder: Path, tmp_path: Path) -> None:
    table = copy_with(faces_folder, tmp_path, "", "")
    shard = table.parent / "drawn.tar"
    data = bytearray(shard.read_bytes())
    data[512:1024] = bytes(512)
    shard.write_bytes(bytes(data))
    with pytest.raises(DatasetError, match=r"'drawn-00\.jpg' in .* is not a readable picture"):
        load_faces(table).image(0)
