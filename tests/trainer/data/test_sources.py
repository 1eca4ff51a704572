"""Facts of sources: read from a data folder, and what they leave of a picture."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from ecgan.engine.errors import DatasetError
from ecgan.trainer.data import FaceSet, load_faces, load_folder
from ecgan.trainer.data.samples import draw_sample
from ecgan.trainer.data.sources import KNOWN_FACTS, SourceFacts, read_facts


def copy(faces_folder: Path, tmp_path: Path, facts: str) -> Path:
    root = tmp_path / "data"
    shutil.copytree(faces_folder, root)
    (root / "sources.toml").write_text(facts)
    return root


def valid(faces: FaceSet, size: int = 256) -> np.ndarray:
    return draw_sample(faces, 0, np.random.default_rng(0), size, jitter=0).valid


def test_without_a_file_known_sources_hold(tmp_path: Path) -> None:
    assert read_facts(tmp_path) == KNOWN_FACTS
    (tmp_path / "sources.toml").write_text('[affhull]\nregion = "whole"\n')
    assert read_facts(tmp_path)["affhull"] == SourceFacts()
    assert read_facts(tmp_path)["utkface"] == KNOWN_FACTS["utkface"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[a", "is not valid TOML"),
        ("a = 1", "'a' is not a table"),
        ("[a]\nsurround = 1", r"unknown key 'surround' of \[a\]"),
        ('[a]\nregion = "face"', "region 'face' of .* is not one of whole, surround, hull"),
        ("[a]\nphoto = [1, 2, 3]", r"photo of \[a\] is"),
        ("[a]\nphoto = [9, 2, 3, 4]", r"photo of \[a\] is"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "sources.toml").write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_facts(tmp_path)


@pytest.mark.parametrize("size", [64, 256])
def test_a_hull_leaves_the_face_and_no_background(
    faces_folder: Path, tmp_path: Path, size: int
) -> None:
    root = copy(faces_folder, tmp_path, '[drawn]\nregion = "hull"\n')
    region = valid(load_folder(root), size)
    at = [round((v + 0.5) * size / 256 - 0.5) for v in (127, 184)]
    assert region[at[1], at[0]] == 1  # the mouth
    assert region[:, 0].max() == region[:, -1].max() == region[0].max() == 0
    assert 0.25 < region.mean() < 0.45


def test_a_table_s_own_folder_states_facts_too(faces_folder: Path, tmp_path: Path) -> None:
    root = copy(faces_folder, tmp_path, "[drawn]\nphoto = [64, 64, 192, 192]\n")
    region = valid(load_faces(root / "faces" / "faces.csv"))
    assert region.mean() == pytest.approx(0.25, abs=0.01)
    assert region[128, 128] == 1
    assert region[30, 128] == 0


def test_a_row_states_the_corners_of_its_photo(faces_folder: Path, tmp_path: Path) -> None:
    root = copy(faces_folder, tmp_path, "")
    table = root / "faces" / "faces.csv"
    head, *rows = table.read_text().splitlines()
    rows = [f"{row},0 0 128 0 128 256 0 256" for row in rows]
    table.write_text("\n".join([f"{head},photo", *rows]))
    for size in (64, 256):
        region = valid(load_folder(root), size)
        assert region[:, : size // 2 - 1].min() == 1
        assert region[:, size // 2 + 2 :].max() == 0
    table.write_text(table.read_text().replace("128 256 0 256", "128 256", 1))
    with pytest.raises(DatasetError, match="line 2: '0 0 128 0 128 256' is not 8 numbers"):
        load_folder(root)
