"""Networks from folders, files and checkpoints, and their pictures against the engine's."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from ecgan.engine.errors import ModelMismatch, ModelMissing
from ecgan.engine.pipeline import Unmasker
from ecgan.engine.types import U8
from ecgan.trainer.evaluate.cases import Covering
from ecgan.trainer.evaluate.contenders import Contender, open_contenders

from .conftest import OnTemplate


@pytest.fixture
def blue_picture() -> tuple[U8, np.ndarray]:
    """A picture whose blue patch the tiny segmenter takes for a mask, and the patch."""
    picture = np.full((256, 256, 3), 150, np.uint8)
    picture[140:220, 60:200] = (60, 90, 200)
    mask = np.zeros((256, 256), np.float32)
    mask[140:220, 60:200] = 1
    return picture, mask


@pytest.fixture
def contender(model_folder: Path, detector: OnTemplate):
    with Contender(model_folder, "tiny", device="cpu", threads=1) as ready:
        yield ready


def test_pictures_are_those_of_the_engine(
    contender: Contender, blue_picture: tuple[U8, np.ndarray]
) -> None:
    picture, mask = blue_picture
    weights = np.eye(7, dtype=np.float32)[[3, 6]]
    faces = contender.detect(picture)
    known = contender.paint_each(picture, contender.under(picture, faces, mask), weights)
    found = contender.paint_each(picture, contender.found(picture, faces), weights)
    for row, name in enumerate(("happiness", "neutral")):
        assert np.array_equal(known[row], contender.unmask(picture, name, mask=mask).image)
        assert np.array_equal(found[row], contender.unmask(picture, name).image)
    assert not np.array_equal(known[0], known[1])
    bare = np.full_like(picture, 150)
    assert contender.found(bare, faces) == []
    assert contender.paint_each(bare, [], weights)[1] is bare


def test_iou_of_a_known_mask(contender: Contender, blue_picture: tuple[U8, np.ndarray]) -> None:
    picture, drawn = blue_picture
    face = contender.detect(picture)[0]
    # the template lies on itself but for rounding: a row at the border may be lost
    assert contender.raw_iou(Covering(picture, drawn), face) > 0.96
    half = drawn.copy()
    half[140:220, 130:200] = 0
    assert contender.raw_iou(Covering(picture, half), face) == pytest.approx(0.5, abs=0.02)


def test_folders_and_files_are_told_apart(model_folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(model_folder, other)
    paths = [model_folder, other, other / "generator.onnx"]
    opened = open_contenders(paths, tmp_path / "work", device="cpu", threads=1)
    assert [c.label for c in opened] == [
        f"tiny-generator ({model_folder.name})",
        "tiny-generator (other)",
        "generator",
    ]
    assert opened[2].hashes == opened[0].hashes
    assert isinstance(opened[2], Unmasker)


def test_what_is_no_model_is_refused(model_folder: Path, tmp_path: Path) -> None:
    def open_one(path: Path) -> None:
        open_contenders([path], tmp_path / "work", device="cpu", threads=1)

    with pytest.raises(ModelMissing, match="'gone' does not exist"):
        open_one(Path("gone"))
    with pytest.raises(ModelMissing, match=r"segmenter\.onnx' is no generator of"):
        open_one(model_folder / "segmenter.onnx")
    lonely = tmp_path / "lonely.onnx"
    lonely.write_bytes(b"x")
    with pytest.raises(ModelMissing, match=r"no 'manifest\.json'"):
        open_one(lonely)
    (tmp_path / "notes.txt").write_text("not a network")
    with pytest.raises(ModelMismatch, match="not a checkpoint"):
        open_one(tmp_path / "notes.txt")


def test_a_checkpoint_is_exported_first(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported = []

    def export(checkpoint: Path, folder: Path, **rest: object) -> None:
        exported.append((checkpoint, rest))
        shutil.copytree(model_folder, folder)

    monkeypatch.setattr("ecgan.trainer.export.export_checkpoint", export)
    (tmp_path / "last.pt").write_bytes(b"x")
    [made] = open_contenders([tmp_path / "last.pt"], tmp_path / "work", device="cpu", threads=1)
    assert made.label == "tiny-generator"
    assert exported == [(tmp_path / "last.pt", {"licence": "unstated", "half": False})]
